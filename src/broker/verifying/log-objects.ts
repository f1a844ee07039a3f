import { toPosition } from '../../core/numbers.ts'
import { parseLogObjectKey, parseStartMarkerKey } from '../../core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import type { TopicItem } from '../../ports/topic-store.ts'

/** So many that no item names are looked for among the notes together. */
const CANDIDATES_MAX = 10_000

interface Candidate {
  readonly object: ObjectInfo
  readonly partition: PartitionId
  /** Of the segment; undefined: it says where a log starts. */
  readonly id: string | undefined
}

/**
 * Looks which of the partitions' own objects nothing names, as they come in the order of their keys: one that counts or is about
 * to has an item, one that is made or was superseded has a note.
 */
export class LogObjects {
  readonly #ports: Ports
  readonly #topics: ReadonlyMap<string, TopicItem>
  #candidates: Candidate[] = []
  /** The partition whose objects come just now, and what its items name. */
  #partition = ''
  #ids: ReadonlySet<string> = new Set()
  /** The last one that came, where it says where the log starts. */
  #marker: Candidate | undefined

  constructor(ports: Ports, topics: ReadonlyMap<string, TopicItem>) {
    this.#ports = ports
    this.#topics = topics
  }

  /** Tells of those so far that nothing names, some at a time. */
  async look(object: ObjectInfo): Promise<readonly ObjectInfo[]> {
    const segment = parseLogObjectKey(object.key)
    const partition = (segment ?? parseStartMarkerKey(object.key))!.partition
    const topic = this.#topics.get(partition.topicId)
    // What is made, or deleted just now, is nobody's to judge.
    if (topic && topic.state !== 'live') return []
    if (this.#partition !== partitionKey(partition)) {
      this.#partition = partitionKey(partition)
      this.#ids = topic ? await idsOf(this.#ports, partition) : new Set()
      this.#marker = undefined
    }
    const candidate = { object, partition, id: segment?.id }
    if (segment) {
      if (!this.#ids.has(segment.id)) this.#candidates.push(candidate)
    } else {
      // The one that starts last is needed, where there is a log; those below it have been left over.
      if (this.#marker) this.#candidates.push(this.#marker)
      this.#marker = topic ? candidate : undefined
      if (!topic) this.#candidates.push(candidate)
    }
    return this.#candidates.length < CANDIDATES_MAX ? [] : await this.finish()
  }

  async finish(): Promise<readonly ObjectInfo[]> {
    // Twice: what was renamed between the notes and the items shows in the next notes.
    for (let again = 0; again < 2 && this.#candidates.length > 0; again += 1) {
      await this.#leaveOutNoted()
      await this.#leaveOutNamed()
    }
    const left = this.#candidates
    this.#candidates = []
    return left.map(({ object }) => object)
  }

  async #leaveOutNoted(): Promise<void> {
    const byKey = new Map(this.#candidates.map(candidate => [candidate.object.key, candidate]))
    const topics = new Set<string>()
    for (const kind of ['intent', 'dead'] as const) {
      for await (const { key } of this.#ports.upkeep.notes(kind)) byKey.delete(key)
    }
    for await (const { topicId } of this.#ports.upkeep.notes('topic')) topics.add(topicId)
    this.#candidates = [...byKey.values()].filter(({ partition }) => !topics.has(partition.topicId))
  }

  async #leaveOutNamed(): Promise<void> {
    const left: Candidate[] = []
    let partition = ''
    let ids: ReadonlySet<string> = new Set()
    for (const candidate of this.#candidates) {
      const { object, id } = candidate
      if (partition !== partitionKey(candidate.partition)) {
        partition = partitionKey(candidate.partition)
        ids = await idsOf(this.#ports, candidate.partition)
      }
      if (id !== undefined && ids.has(id)) continue
      // It may have gone meanwhile.
      if (await this.#ports.objects.get(object.key, toPosition(0), 1)) left.push(candidate)
    }
    this.#candidates = left
  }
}

async function idsOf(ports: Ports, partition: PartitionId): Promise<ReadonlySet<string>> {
  const ids = new Set<string>()
  for await (const { segment } of ports.index.segments(partition)) ids.add(segment.id)
  return ids
}
