import type * as z from 'zod'
import { later, type Offset } from '../../../core/numbers.ts'
import type { LocatedRange } from '../../broker.ts'
import type { Schemas } from '../openapi/documentation.ts'
import type { AnswerRoom } from './answer-room.ts'

type RangesInJson = Pick<z.input<Schemas['LocateAnswer']>, 'nextOffset' | 'ranges'>

/**
 * Located ranges in JSON, and where the next fetch goes on: what has no room is left to it.
 * @param from what was asked for, and where it goes on behind all of them
 * @param comesFirst whether nothing has come before: then the first one comes in any case, so that every answer gets further
 */
export function toLocatedRanges(
  ranges: readonly LocatedRange[],
  { from, nextOffset }: { from: Offset; nextOffset: Offset },
  room: AnswerRoom,
  comesFirst = true,
): RangesInJson {
  const listed: RangesInJson['ranges'] = []
  for (const range of ranges) {
    const described =
      'inline' in range
        ? { ...range, inline: Buffer.from(range.inline).toString('base64') }
        : // One of this server stays a path: by what name and prefix its client reaches it, only the client knows.
          range
    const isFirst = comesFirst && listed.length === 0
    if (!room.take(described) && !isFirst)
      return { nextOffset: later(range.baseOffset, from), ranges: listed }
    listed.push(described)
  }
  return { nextOffset, ranges: listed }
}
