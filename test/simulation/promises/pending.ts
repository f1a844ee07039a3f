import { splitKey } from '../../../src/adapters/items/items.ts'
import type { Claim, CommittedOffset, PendingOffset } from '../../../src/core/group/group.ts'
import { CLAIM_PREFIX, GROUP_PREFIX, parseClaimKey } from '../../../src/core/storage-layout.ts'
import { partitionKey } from '../../../src/core/topic/partition-id.ts'
import { type Fate, FROM } from './fate.ts'

/**
 * What is promised of offsets that pend for a transaction: they count if it does, each once, and no other ever does. Whoever says from
 * where he has gone on has read up to there, so nothing is read twice, and nothing is left out.
 */
export class PendingPromises {
  readonly #fateOf: (transactionId: string) => Fate | undefined
  readonly #violated: (problem: string) => void
  /** By place. */
  readonly standing = new Map<string, PendingOffset>()
  readonly committed = new Map<string, CommittedOffset>()
  applied = 0
  dropped = 0

  constructor(fateOf: (transactionId: string) => Fate | undefined, violated: (problem: string) => void) {
    this.#fateOf = fateOf
    this.#violated = violated
  }

  /** Hears of every change of an item. */
  readonly changed = (key: string, _: Uint8Array | undefined, after: Uint8Array | undefined): void => {
    if (!key.startsWith(GROUP_PREFIX)) return
    const { partitionKey: group, sortKey } = splitKey(key)
    if (!sortKey.startsWith(CLAIM_PREFIX)) return
    const partition = parseClaimKey(sortKey)
    const place = `${group} ${partitionKey(partition)}`
    const claim = after && (JSON.parse(Buffer.from(after).toString()) as Claim)
    const before = this.standing.get(place)
    const pending = claim?.pending
    if (pending) this.standing.set(place, pending)
    else this.standing.delete(place)
    const was = this.committed.get(place)
    if (claim?.committed) this.committed.set(place, claim.committed)
    else this.committed.delete(place)
    if (!before || before.version === pending?.version) return
    // Its transaction has another offset there now.
    if (pending?.transactionId === before.transactionId) return
    const fate = this.#fateOf(before.transactionId)
    const mark = fate?.offsets.get(place)
    // Its group was removed, and all that was committed in it.
    if (!claim || (claim.generation === 0 && claim.committed === null && claim.lastGeneration)) {
      if (mark) fate!.offsets.set(place, 'applied')
      return
    }
    if (claim.committed?.committedMs === was?.committedMs) {
      this.dropped += 1
      if (fate?.commits && mark === 'pending') {
        this.#violated(`lost: ${before.transactionId} is committed, and its offset at ${place} was dropped`)
      }
      return
    }
    this.applied += 1
    if (!fate?.commits || mark === undefined) {
      this.#violated(`undecided: the offset of ${before.transactionId} counts at ${place}`)
    }
    if (mark === 'applied')
      this.#violated(`doubled: the offset of ${before.transactionId} counted twice at ${place}`)
    fate?.offsets.set(place, 'applied')
    // Whoever says from where it goes on has read up to there.
    if (
      before.metadata.startsWith(FROM) &&
      Number(before.metadata.slice(FROM.length)) !== (was?.offset ?? 0)
    ) {
      this.#violated(
        `twice read: ${place} was committed at ${was?.offset}, and then at ${before.offset} by one that went on ${before.metadata}`,
      )
    }
  }
}
