import type { Block } from '../../core/log/block.ts'
import { blockEnd } from '../../core/log/block.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import type { Offset } from '../../core/numbers.ts'
import { HEAD_ATTRIBUTES } from '../../core/storage-layout.ts'
import { entryList, entryValue, HEAD_VERSION, number } from './dynamo-items.ts'
import type { Update } from './dynamo-table.ts'

/**
 * The ways in which a head changes, as DynamoDB's conditional updates. Each says the same as its namesake in
 * core/log: applyAppend, applyTrim, applyStart.
 */

const { version, startOffset, tailOffset, nextOffset, tail, flushedBytes, flushedMaxTimestampMs } =
  HEAD_ATTRIBUTES

/** The base offset is the new nextOffset minus the entry's records: nothing compares nextOffset. */
export function appendUpdate(entry: IndexEntry, seen: Offset): Update {
  return headUpdate(
    `SET ${nextOffset} = ${nextOffset} + :records, ${tail} = list_append(${tail}, :entries)`,
    `${tailOffset} <= :seen AND NOT contains(${tail}, :entry)`,
    {
      ':records': number(entry.records),
      ':entries': entryList([entry]),
      ':seen': number(seen),
      ':entry': entryValue(entry),
    },
  )
}

/** The expression has at most 4 KB, which is room for BLOCK_ENTRIES_MAX places in the list. */
export function trimUpdate(block: Block): Update {
  // The last first: to DynamoDB the order is all the same, but some emulators take one away after the other.
  const leaving = block.entries.map((_, index) => `${tail}[${index}]`).toReversed()
  return headUpdate(
    `SET ${tailOffset} = :end, ${flushedBytes} = :bytes, ${flushedMaxTimestampMs} = :maxMs ` +
      `REMOVE ${leaving.join(',')}`,
    `${tailOffset} = :base`,
    {
      ':base': number(block.baseOffset),
      ':end': number(blockEnd(block)),
      ':bytes': number(block.summary.bytes),
      ':maxMs': number(block.summary.maxTimestampMs),
    },
  )
}

export function startUpdate(to: Offset): Update {
  return headUpdate(`SET ${startOffset} = :start`, `${startOffset} < :start AND ${nextOffset} >= :start`, {
    ':start': number(to),
  })
}

/** Where there is no head the condition fails, and none is made. */
function headUpdate(expression: string, condition: string, values: Update['values']): Update {
  return {
    expression,
    // What a later version of Tidemark has written means something else.
    condition: `${version} = :version AND ${condition}`,
    values: { ...values, ':version': number(HEAD_VERSION) },
  }
}
