import { leaseFarMs } from '../../../core/lease.ts'
import { LEASE_ATTRIBUTES, LEASES_KEY, leaseKey } from '../../../core/storage-layout.ts'
import { type Item, itemKey, number, string } from '../table/attributes.ts'
import { goneOr } from '../table/conditions.ts'
import { type Expression, words } from '../table/expression.ts'

const { holder: HOLDER, untilMs: UNTIL_MS } = LEASE_ATTRIBUTES

export function encodeLeaseItem(name: string, holder: string, untilMs: number): Item {
  return {
    ...itemKey(LEASES_KEY, leaseKey(name)),
    [HOLDER]: string(holder),
    [UNTIL_MS]: number(untilMs),
  }
}

/** That nobody else has it by `nowMs`, until a time that can be. */
export function isFreeFor(holder: string, nowMs: number, untilMs: number): Expression {
  const farMs = leaseFarMs(nowMs, untilMs)
  return goneOr(
    words`${UNTIL_MS} < ${number(nowMs)} OR ${UNTIL_MS} > ${number(farMs)} OR ${HOLDER} = ${string(holder)}`,
  )
}
