import type { OwnedPartition } from '../../../src/contract/groups.ts'
import type { Claim } from '../../../src/core/group/group.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'

/**
 * What a run's groups promise of each partition: owners follow one another, each with the next generation; a
 * generation is told to one process only; whoever commits is the owner at that moment; and no commit moves back.
 */
export class OwnershipRecord {
  readonly #claims = new Map<string, { owner: string | null; generation: number }>()
  readonly #committed = new Map<string, number>()
  readonly #told = new Map<string, string>()
  readonly #highestTold = new Map<string, number>()
  /** The first promise that was broken. Kept and not thrown: a late write has nobody who would catch it. */
  violation: Error | undefined
  commits = 0
  fenced = 0
  changes = 0
  removals = 0

  /** The store, with every change that it makes held against what it promises. */
  watch(store: GroupStore): GroupStore {
    const setOwner: GroupStore['setOwner'] = async (groupId, partition, owner, expected, first) => {
      const result = await store.setOwner(groupId, partition, owner, expected, first)
      if (result.held) this.#changed(partition, expected, result.claim!)
      return result
    }
    const commit: GroupStore['commit'] = async (groupId, partition, committed, by, seenMs) => {
      const result = await store.commit(groupId, partition, committed, by, seenMs)
      if (result.held) this.#committedAt(partition, committed.offset, by)
      return result
    }
    const removeGroup: GroupStore['removeGroup'] = groupId => {
      // What was told stays: a generation of a group must not come back in its successor.
      this.#claims.clear()
      this.#committed.clear()
      this.removals += 1
      return store.removeGroup(groupId)
    }
    return new Proxy(store, {
      get(_, name) {
        if (name === 'setOwner') return setOwner
        if (name === 'commit') return commit
        if (name === 'removeGroup') return removeGroup
        const value = Reflect.get(store, name, store)
        return typeof value === 'function' ? value.bind(store) : value
      },
    })
  }

  /** A process was told that it owns this. */
  told(owned: OwnedPartition, process: string): void {
    const key = `${partitionKey(owned)}@${owned.generation}`
    const before = this.#told.get(key)
    if (before !== undefined && before !== process) {
      this.#violated(`two owners: ${key} was told to ${before} and to ${process}`)
    }
    this.#told.set(key, process)
    const partition = partitionKey(owned)
    this.#highestTold.set(partition, Math.max(this.#highestTold.get(partition) ?? 0, owned.generation))
  }

  /** The highest generation that anybody was told of. */
  highestTold(partition: PartitionId): number {
    return this.#highestTold.get(partitionKey(partition)) ?? 0
  }

  #violated(problem: string): void {
    this.violation ??= new Error(problem)
  }

  #changed(partition: PartitionId, expected: { generation: number } | undefined, claim: Claim): void {
    const key = partitionKey(partition)
    const before = this.#claims.get(key)
    if ((before?.generation ?? 0) !== (expected?.generation ?? 0)) {
      this.#violated(
        `two owners: ${key} went to ${claim.owner} from generation ${expected?.generation}, not ${before?.generation}`,
      )
    }
    if (before && before.generation > 0 && claim.generation !== before.generation + 1) {
      this.#violated(`two owners: ${key} has generation ${claim.generation} after ${before?.generation}`)
    }
    this.#claims.set(key, { owner: claim.owner, generation: claim.generation })
    this.changes += 1
  }

  #committedAt(
    partition: PartitionId,
    offset: number,
    by: { owner: string; generation: number } | 'unowned',
  ): void {
    const key = partitionKey(partition)
    const claim = this.#claims.get(key)
    const isOwner =
      by === 'unowned'
        ? (claim?.owner ?? null) === null
        : claim?.owner === by.owner && claim.generation === by.generation
    if (!isOwner) {
      this.#violated(`fenced: a commit of ${JSON.stringify(by)} to ${key}, which is ${JSON.stringify(claim)}`)
    }
    const before = this.#committed.get(key) ?? 0
    if (offset < before) this.#violated(`back: ${key} was committed at ${before}, and then at ${offset}`)
    this.#committed.set(key, offset)
    this.commits += 1
  }
}
