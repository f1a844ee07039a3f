import type { Claim } from '../../core/group/group.ts'
import { PARTITIONS_REMEMBERED_MAX } from '../../core/limits.ts'
import { placeKey } from '../../core/transaction/changes/add-offsets.ts'
import type { PendingPlace } from '../../core/transaction/transaction.ts'

/**
 * Claims as this process left them when it had something pend or resolved it: the next transaction then needs to read none. Where somebody else
 * has changed one since, its condition says so.
 */
export class KnownClaims {
  readonly #claims = new Map<string, Claim>()

  get(place: PendingPlace): Claim | undefined {
    return this.#claims.get(placeKey(place))
  }

  /** @param claim undefined: nobody knows how it stands */
  note(place: PendingPlace, claim: Claim | undefined): void {
    const key = placeKey(place)
    this.#claims.delete(key)
    if (!claim) return
    const [oldest] = this.#claims.size >= PARTITIONS_REMEMBERED_MAX ? this.#claims.keys() : []
    if (oldest !== undefined) this.#claims.delete(oldest)
    this.#claims.set(key, claim)
  }
}
