import type { Claim } from '../../core/group/group.ts'
import { PARTITIONS_REMEMBERED_MAX } from '../../core/limits.ts'
import { placeKey } from '../../core/transaction/changes/add-offsets.ts'
import type { PendingPlace } from '../../core/transaction/transaction.ts'

/**
 * Claims as this process left them when it had something pend or resolved it: the next transaction of the same id then needs to read
 * none. Where somebody else has changed one since, its condition says so. Of each id apart: what is known of its transaction was seen
 * later than what it left, but maybe not later than what another has left.
 */
export class KnownClaims {
  readonly #claims = new Map<string, Claim>()

  get(transactionalId: string, place: PendingPlace): Claim | undefined {
    return this.#claims.get(`${placeKey(place)}#${transactionalId}`)
  }

  /** @param claim undefined: nobody knows how it stands */
  note(transactionalId: string, place: PendingPlace, claim: Claim | undefined): void {
    const key = `${placeKey(place)}#${transactionalId}`
    this.#claims.delete(key)
    if (!claim) return
    const [oldest] = this.#claims.size >= PARTITIONS_REMEMBERED_MAX ? this.#claims.keys() : []
    if (oldest !== undefined) this.#claims.delete(oldest)
    this.#claims.set(key, claim)
  }
}
