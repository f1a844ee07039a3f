import { batchesOf, type RunBatch } from '../../core/batches/batch-run.ts'
import type { Stretch } from '../../core/batches/stretches.ts'
import { SETTLING_PIECE_BYTES } from '../../core/limits.ts'
import { cleanBatch, KeptRecords, keepsRecord } from '../../core/log/compaction/clean-batch.ts'
import { type CleaningRules, hasOldTombstones } from '../../core/log/compaction/plan-cleaning.ts'
import type { Output } from '../../core/log/compaction/plan-outputs.ts'
import type { Segment } from '../../core/log/settled/segment.ts'
import { advance, type Offset, toOffset } from '../../core/numbers.ts'
import { isLostBatch } from '../../core/record/batch-header.ts'
import type { RawRecord } from '../../core/record/raw-records.ts'
import type { Ports } from '../../ports/index.ts'
import type { Budget } from './budget.ts'
import type { MappedKeys } from './cleaning-map.ts'
import { readFooter } from './counted-segments.ts'
import { Gathered } from './gathered.ts'
import { readRuns, segmentSource } from './read-runs.ts'
import { type Log, type Written, writeSegment } from './write-segment.ts'

/** What is the same for all segments that a pass makes. */
export interface Pass {
  readonly log: Log
  /** The generation that it makes. */
  readonly number: number
  readonly map: MappedKeys['map']
  readonly rules: CleaningRules
  /** Up to where an earlier pass has cleaned. */
  readonly cleanBefore: Offset
  /** Up to where this one does, and where it ends. */
  readonly clean: Offset
  readonly to: Offset
  /** Where the log starts, and its last record. */
  readonly startOffset: Offset
  readonly lastOffset: Offset
  hasMoved(): Promise<boolean>
}

/** Writes what a pass leaves of some segments: the last value of each key, and tombstones for their time. */
export async function writeCleaned(
  ports: Ports,
  pass: Pass,
  output: Extract<Output, { readonly kind: 'write' }>,
  budget: Budget,
): Promise<Written> {
  const { log, clean, to, startOffset } = pass
  const { baseOffset, end, inputs } = output
  const last = inputs.at(-1)!
  const footer = await readFooter(ports, log.partition, last, budget.deadlineMs)
  let tombstonesMs = 0
  const stretches = () => {
    // Each try reads anew.
    tombstonesMs = end <= clean ? 0 : Math.max(...inputs.map(input => input.tombstonesMs))
    return cleanedStretches(
      ports,
      pass,
      output,
      sinceMs => {
        tombstonesMs = Math.max(tombstonesMs, sinceMs)
      },
      budget,
    )
  }
  const plan = {
    level: pass.number,
    baseOffset,
    end,
    stretches,
    startOffset,
    cleanTo: clean,
    passEnd: to,
    createdMs: Math.max(...inputs.map(({ createdMs }) => createdMs)),
    writes: Math.max(...inputs.map(({ writes }) => writes)) + 1,
    loggedBytes: last.loggedBytes,
    tombstonesMs: () => tombstonesMs,
    producers: footer?.producers ?? new Map(),
  }
  return await writeSegment(ports, log, plan, budget)
}

/** @param keepsTombstone told of each one that stays, since when there has been nothing below it */
async function* cleanedStretches(
  ports: Ports,
  pass: Pass,
  { baseOffset, end, inputs }: Extract<Output, { readonly kind: 'write' }>,
  keepsTombstone: (sinceMs: number) => void,
  budget: Budget,
): AsyncGenerator<Stretch> {
  const { partition } = pass.log
  const memory = { left: new Gathered(), kept: new KeptRecords() }
  let reached = baseOffset
  for (const input of inputs) {
    const keeps = end <= pass.clean ? keeper(pass, input, keepsTombstone) : () => true
    // It may begin before the one before it ends, and counts from there.
    const range = { from: later(reached, input.baseOffset), to: earlier(end, input.end) }
    reached = range.to
    const sources = [segmentSource(partition, input)]
    for await (const stretch of readRuns(ports, sources, pass.hasMoved, budget.deadlineMs)) {
      for (const piece of cleanStretch(stretch, range, keeps, memory)) {
        yield piece.stretch
        // The writer counts what is left; what went was read as well.
        await budget.pace(piece.readBytes)
      }
    }
  }
}

/** Which records of a segment stay. */
function keeper(pass: Pass, input: Segment, keepsTombstone: (sinceMs: number) => void) {
  const { map, clean, lastOffset, cleanBefore, rules } = pass
  const isClean = input.end <= cleanBefore
  const dropsTombstones = isClean && hasOldTombstones(input, rules)
  const sinceMs = isClean && input.tombstonesMs > 0 ? input.tombstonesMs : rules.nowMs
  return (record: RawRecord): boolean => {
    const stays = keepsRecord(record, map, { cleanTo: clean, lastOffset, dropsTombstones })
    // The log's last record stays in any case: its time begins once there is a later one.
    if (stays && record.isTombstone && record.offset !== lastOffset) keepsTombstone(sinceMs)
    return stays
  }
}

interface Piece {
  readonly stretch: Stretch
  /** What went of it. */
  readonly readBytes: number
}

/**
 * What is left of a stretch between two offsets, in pieces that do not take long.
 * @param memory a piece lies in it until the next is asked for
 */
function* cleanStretch(
  stretch: Stretch,
  { from, to }: { readonly from: Offset; readonly to: Offset },
  keeps: (record: RawRecord) => boolean,
  { left, kept }: { readonly left: Gathered; readonly kept: KeptRecords },
): Generator<Piece> {
  const [baseOffset, end] = [later(stretch.baseOffset, from), earlier(stretch.end, to)]
  if (baseOffset >= end) return
  if (stretch.kind !== 'batches') {
    const isWhole = end === stretch.end && baseOffset === stretch.baseOffset
    const isMarked = stretch.kind === 'lost' ? stretch.isMarked : isLostBatch(stretch.bytes, 0)
    yield { stretch: isWhole ? stretch : { kind: 'lost', baseOffset, end, isMarked }, readBytes: 0 }
    return
  }
  let readBytes = 0
  let next = baseOffset
  const pieceTo = (pieceEnd: Offset): Piece => {
    const bytes = left.take()
    const piece = { kind: 'batches', baseOffset: next, end: pieceEnd, bytes } as const
    const wentBytes = readBytes - bytes.length
    readBytes = 0
    next = pieceEnd
    return { stretch: piece, readBytes: Math.max(0, wentBytes) }
  }
  const within = (batch: RunBatch) => batch.offset >= from && batch.offset < to
  for (const batch of batchesOf(stretch.bytes, stretch.baseOffset, 'stored', stretch.end)) {
    if (!within(batch)) continue
    const cleaned = cleanBatch(stretch.bytes, batch.position, keeps, kept)
    if (cleaned) left.add(cleaned)
    readBytes += batch.header.sizeBytes
    if (readBytes >= SETTLING_PIECE_BYTES) yield pieceTo(earlier(advance(batch.offset, batch.span), end))
  }
  if (next < end) yield pieceTo(end)
}

function later(one: Offset, other: Offset): Offset {
  return toOffset(Math.max(one, other))
}

function earlier(one: Offset, other: Offset): Offset {
  return toOffset(Math.min(one, other))
}
