import type { GroupTopic, Target, TopicShare } from '../group.ts'

/** Collects who gets what, partition by partition, in any order. */
export class Shares {
  readonly #byMember = new Map<string, Map<string, number[]>>()

  add(memberId: string, { topicId }: GroupTopic, partition: number): void {
    const byTopic = this.#byMember.get(memberId) ?? new Map<string, number[]>()
    this.#byMember.set(memberId, byTopic)
    const share = byTopic.get(topicId) ?? []
    byTopic.set(topicId, share)
    share.push(partition)
  }

  /** Topics by their ids, partitions ascending. */
  toTarget(): Target {
    const target = new Map<string, readonly TopicShare[]>()
    for (const [memberId, byTopic] of this.#byMember) {
      const shares = [...byTopic]
        .filter(([, partitions]) => partitions.length > 0)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([topicId, partitions]) => ({
          topicId,
          partitions: partitions.sort((one, other) => one - other),
        }))
      if (shares.length > 0) target.set(memberId, shares)
    }
    return target
  }
}
