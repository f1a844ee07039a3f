import type { Decisions } from '../../../src/adapters/items/decisions.ts'
import { splitKey } from '../../../src/adapters/items/items.ts'
import type { OwnedPartition } from '../../../src/contract/groups.ts'
import type { Claim, CommittedOffset } from '../../../src/core/group/group.ts'
import {
  CLAIM_PREFIX,
  GROUP_META_KEY,
  GROUP_PREFIX,
  groupKey,
  parseClaimKey,
} from '../../../src/core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'

/** Whose commit it is: `unowned` is whoever may commit to what nobody owns. */
type Committer = Parameters<Decisions['applyCommit']>[3]

/** Hears of each commit that is made. `group` is the group's key. */
export type CommitObserver = (
  group: string,
  partition: PartitionId,
  offset: number,
  by: Committer,
  committed: CommittedOffset,
) => void

/** A commit as its owner counted it. */
interface Counted {
  readonly sequence: number
  readonly offset: number
}

type Decided = { readonly claim: Claim } & (
  | { readonly kind: 'closed' }
  | { readonly kind: 'owner'; readonly expected: Parameters<Decisions['applyOwner']>[3] }
  | { readonly kind: 'commit'; readonly by: Committer }
  | { readonly kind: 'pending'; readonly by: Committer }
  | { readonly kind: 'resolved'; readonly isCommit: boolean }
)

/**
 * What groups promise of each partition: owners follow one another, each with the next generation; a generation is told
 * to one process only; whoever commits is the owner at that moment; an owner's commits are made in the order in which
 * it counted them, and what it was told is committed is; no other commit moves back; and nobody is told to begin where
 * nothing was committed of that very topic. A group that was removed and is made anew counts generations on.
 */
export class OwnershipPromises {
  readonly #violated: (problem: string) => void
  readonly #claims = new Map<string, { owner: string | null; generation: number }>()
  readonly #committed = new Map<string, number>()
  /** By place: the highest generation that any owner had. */
  readonly #generations = new Map<string, number>()
  /** By place and generation: the last one that its owner counted, and where that went. */
  readonly #counted = new Map<string, Counted>()
  /** Partitions of which anything was ever committed. */
  readonly #everCommitted = new Set<string>()
  readonly #told = new Map<string, string>()
  readonly #highestTold = new Map<string, number>()
  readonly #observers: CommitObserver[] = []
  readonly #resettable = new Set<string>()
  readonly #uncounted = new Set<string>()
  /** By partition: what was decided last. It is made in the same step, and so before anything else is decided of it. */
  readonly #decided = new Map<string, Decided>()
  commits = 0
  fenced = 0
  changes = 0
  removals = 0

  constructor(violated: (problem: string) => void) {
    this.#violated = violated
  }

  onCommit(observer: CommitObserver): void {
    this.#observers.push(observer)
  }

  /** Somebody may commit an earlier offset for this group, while nobody owns the partition. */
  mayBeMovedBack(groupId: string): void {
    this.#resettable.add(groupKey(groupId))
  }

  /** Members of this group do not count their commits: one that was overtaken on its way counts, whichever way it goes. */
  countsNothing(groupId: string): void {
    this.#uncounted.add(groupKey(groupId))
  }

  /** The decisions, with what they are decided upon remembered until it is made. */
  watch(decisions: Decisions): Decisions {
    return {
      ...decisions,
      applyOwner: (partition, standing, owner, expected, first) => {
        const claim = decisions.applyOwner(partition, standing, owner, expected, first)
        this.#note(claim && { kind: 'owner', claim, expected })
        return claim
      },
      closeClaim: standing => {
        const claim = decisions.closeClaim(standing)
        this.#note(claim && { kind: 'closed', claim })
        return claim
      },
      applyCommit: (partition, standing, committed, by, seenMs) => {
        const claim = decisions.applyCommit(partition, standing, committed, by, seenMs)
        this.#note(claim && { kind: 'commit', claim, by })
        return claim
      },
      applyPending: (...asked) => {
        const claim = decisions.applyPending(...asked)
        const by = asked[3]
        this.#note(claim && { kind: 'pending', claim, by })
        return claim
      },
      applyResolution: (standing, version, committed) => {
        const claim = decisions.applyResolution(standing, version, committed)
        this.#note(claim && { kind: 'resolved', claim, isCommit: committed !== null })
        return claim
      },
    }
  }

  #note(decided: Decided | undefined): void {
    if (decided) this.#decided.set(partitionKey(decided.claim), decided)
  }

  /** Hears of every change of an item. */
  readonly changed = (key: string, before: Uint8Array | undefined, after: Uint8Array | undefined): void => {
    if (!key.startsWith(GROUP_PREFIX)) return
    const { partitionKey: group, sortKey } = splitKey(key)
    if (sortKey === GROUP_META_KEY && !after) this.removals += 1
    if (!sortKey.startsWith(CLAIM_PREFIX)) return
    const partition = parseClaimKey(sortKey)
    const place = `${group} ${partitionKey(partition)}`
    const decided = this.#decided.get(partitionKey(partition))!
    if (!after || decided.kind === 'closed') {
      // What was told stays: a generation of a group must not come back in its successor.
      this.#claims.delete(place)
      this.#committed.delete(place)
      // One that somebody has taken while it was removed as never owned leaves nothing, and the next begins by the clock.
      if (!after && before) this.#generations.delete(place)
      return
    }
    if (decided.kind === 'owner') this.#ownerChanged(place, decided.expected, decided.claim)
    else if (decided.kind === 'pending') this.#checkOwner(place, decided.by, 'an offset that pends')
    else if (decided.kind === 'resolved') {
      if (decided.isCommit) this.#commitCounts(group, partition, place, decided.claim.committed!)
    } else this.#committedAt(group, partition, place, decided.claim.committed!, decided.by)
  }

  /** A process was told that it owns this. */
  told(owned: OwnedPartition & { committedOffset?: number | null }, process: string): void {
    if ((owned.committedOffset ?? null) !== null && !this.#everCommitted.has(partitionKey(owned))) {
      this.#violated(`made up: ${partitionKey(owned)} was told to begin at ${owned.committedOffset}`)
    }
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

  /** An owner was told that this commit is made: a later one of its own may be by now, but none before. */
  committed(groupId: string, owned: OwnedPartition, { sequence, offset }: Counted): void {
    const key = `${groupKey(groupId)} ${partitionKey(owned)}@${owned.generation}`
    const last = this.#counted.get(key)
    if (last && (last.sequence > sequence || (last.sequence === sequence && last.offset === offset))) return
    this.#violated(`lost: ${key} was told of commit ${sequence} at ${offset}, and is ${JSON.stringify(last)}`)
  }

  #ownerChanged(place: string, expected: { generation: number } | undefined, claim: Claim): void {
    const before = this.#claims.get(place)
    if ((before?.generation ?? 0) !== (expected?.generation ?? 0)) {
      this.#violated(
        `two owners: ${place} went to ${claim.owner} from generation ${expected?.generation}, not ${before?.generation}`,
      )
    }
    if (before && before.generation > 0 && claim.generation !== before.generation + 1) {
      this.#violated(`two owners: ${place} has generation ${claim.generation} after ${before?.generation}`)
    }
    const highest = this.#generations.get(place) ?? 0
    if (claim.generation <= highest) {
      this.#violated(`two owners: ${place} has generation ${claim.generation}, and had ${highest} before`)
    }
    this.#generations.set(place, claim.generation)
    this.#claims.set(place, { owner: claim.owner, generation: claim.generation })
    this.changes += 1
  }

  #committedAt(
    group: string,
    partition: PartitionId,
    place: string,
    committed: CommittedOffset,
    by: Committer,
  ): void {
    const { offset, sequence } = committed
    this.#checkOwner(place, by, 'a commit')
    const before = this.#committed.get(place) ?? 0
    if (by !== 'unowned' && sequence !== undefined) {
      const key = `${place}@${by.generation}`
      const last = this.#counted.get(key)
      if (last && last.sequence >= sequence) {
        this.#violated(`back: ${key} was committed as ${last.sequence}, and then as ${sequence}`)
      }
      this.#counted.set(key, { sequence, offset })
    }
    const isReset = by === 'unowned' ? this.#resettable.has(group) : this.#uncounted.has(group)
    if (offset < before && !isReset && sequence === undefined)
      this.#violated(`back: ${place} was committed at ${before}, and then at ${offset}`)
    this.#counts(partition, place, offset)
    for (const observe of this.#observers) observe(group, partition, offset, by, committed)
  }

  /** What was pending of a transaction counts, whoever owns the partition by then. */
  #commitCounts(group: string, partition: PartitionId, place: string, { offset }: CommittedOffset): void {
    const before = this.#committed.get(place) ?? 0
    if (offset < before && !this.#resettable.has(group)) {
      this.#violated(`back: ${place} was committed at ${before}, and then at ${offset} by a transaction`)
    }
    this.#counts(partition, place, offset)
  }

  #counts(partition: PartitionId, place: string, offset: number): void {
    this.#committed.set(place, offset)
    this.#everCommitted.add(partitionKey(partition))
    this.commits += 1
  }

  #checkOwner(place: string, by: Committer, what: string): void {
    const claim = this.#claims.get(place)
    const isOwner =
      by === 'unowned'
        ? (claim?.owner ?? null) === null
        : claim?.owner === by.owner && claim.generation === by.generation
    if (isOwner) return
    this.#violated(`fenced: ${what} of ${JSON.stringify(by)} to ${place}, which is ${JSON.stringify(claim)}`)
  }
}
