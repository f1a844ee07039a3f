import { NO_NEWCOMERS } from '../../../core/log/changes/append.ts'
import { decidedSteps } from '../../../core/log/changes/append-decided.ts'
import { entryEpoch, type IndexEntry, spanOf } from '../../../core/log/entry.ts'
import { packState } from '../../../core/log/producers/producer-state.ts'
import type { Offset } from '../../../core/numbers.ts'
import { HEAD_ATTRIBUTES } from '../../../core/storage-layout.ts'
import { number } from '../table/attributes.ts'
import type { Update } from '../table/dynamo-table.ts'
import { words } from '../table/expression.ts'
import { entries, IS_KNOWN, IS_NEWEST, isFloorUpTo, placeOf } from './head.ts'

const { tailOffset, nextOffset, tail } = HEAD_ATTRIBUTES

/**
 * {@link applyDecided} in DynamoDB's words. The base offset is the new nextOffset minus what the entries span.
 * @throws RangeError as decidedSteps
 */
export function decidedUpdate(
  decided: readonly IndexEntry[],
  seen: Offset,
  newcomers: ReadonlySet<bigint> = NO_NEWCOMERS,
): Update {
  const set = [
    words`${nextOffset} = ${nextOffset} + ${number(spanOf(decided))}`,
    words`${tail} = list_append(${tail}, ${entries.write(decided)})`,
  ]
  const when = [IS_KNOWN, words`${tailOffset} <= ${number(seen)}`]
  const oldest = Math.min(...decided.map(entryEpoch))
  if (Number.isFinite(oldest)) when.push(isFloorUpTo(oldest))
  if (decided.some(each => entryEpoch(each) > 0 && Number.isFinite(entryEpoch(each)))) set.push(IS_NEWEST)
  for (const { producerId, epoch, first, last } of decidedSteps(decided)) {
    const state = placeOf(producerId)
    const below = words`${state} < ${number(packState({ epoch, lastSequence: first }))}`
    // Where there is none, no comparison holds.
    when.push(newcomers.has(producerId) ? words`(${below} OR attribute_not_exists(${state}))` : below)
    set.push(words`${state} = ${number(packState({ epoch, lastSequence: last }))}`)
  }
  return { set, when }
}
