import type { Head } from '../../../core/log/head.ts'
import { HEAD_ATTRIBUTES } from '../../../core/storage-layout.ts'
import { number } from '../table/attributes.ts'
import type { Update } from '../table/dynamo-table.ts'
import { equalities, words } from '../table/expression.ts'
import { boundaries, IS_KNOWN, IS_NEWEST, SUMMARY } from './head.ts'

const { startOffset, tailOffset, nextOffset, settled, appendFloor, drained } = HEAD_ATTRIBUTES

/** {@link applyFloor} in DynamoDB's words; with `seen`, of a head that is to be drained in the same step. */
export function floorUpdate(floor: number, seen?: Head): Update {
  const to = number(floor)
  const isAsSeen = seen && [
    words`${nextOffset} = ${number(seen.nextOffset)}`,
    words`${tailOffset} = ${number(seen.tailOffset)}`,
  ]
  return {
    set: [IS_NEWEST, ...equalities({ [appendFloor]: to, ...(seen && { [drained]: to }) })],
    when: [
      IS_KNOWN,
      words`(attribute_not_exists(${appendFloor}) OR ${appendFloor} < ${to})`,
      ...(isAsSeen ?? []),
    ],
  }
}

/** {@link applyDrained} in DynamoDB's words. */
export function drainedUpdate(to: number): Update {
  const epochs = number(to)
  return {
    set: equalities({ [drained]: epochs }),
    when: [
      IS_KNOWN,
      words`${appendFloor} >= ${epochs}`,
      words`(attribute_not_exists(${drained}) OR ${drained} < ${epochs})`,
    ],
  }
}

/**
 * What makes a head that was read the one that {@link applyMove} has made of it, on the condition that what it was decided by is
 * still so. What else a move goes by only grows, so that it holds still.
 */
export function moveUpdate(before: Head, after: Head): Update {
  const standing = boundaries.write(before.settled)
  // A move may leave all of them at 0: then they are no attribute, as before.
  const moved = boundaries.write(after.settled)
  const set = [IS_NEWEST, ...(moved ? equalities({ [settled]: moved }) : [])]
  const when = [
    IS_KNOWN,
    standing ? words`${settled} = ${standing}` : words`attribute_not_exists(${settled})`,
  ]
  if (after.startOffset !== before.startOffset) {
    const start = number(after.startOffset)
    set.push(words`${startOffset} = ${start}`)
    when.push(words`${startOffset} <= ${start}`)
  }
  if (after.nextOffset !== before.nextOffset) {
    const end = number(after.nextOffset)
    set.push(...equalities({ [tailOffset]: end, [nextOffset]: end, ...SUMMARY.encode(after.flushed) }))
    when.push(words`${nextOffset} = ${number(before.nextOffset)}`)
  }
  return { set, when }
}
