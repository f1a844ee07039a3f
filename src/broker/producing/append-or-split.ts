import { MarkTracker } from '../../core/batches/batch-run.ts'
import { TidemarkError, type Written } from '../../core/errors.ts'
import { EPOCH_TRIES_MAX } from '../../core/limits.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import type { FlushedProducer } from '../../core/log/producers/flushed-producer.ts'
import { judgeRun, type Verdict } from '../../core/log/producers/judge-run.ts'
import type { ProducerRun } from '../../core/log/producers/producer-run.ts'
import { sequenceSteps } from '../../core/log/producers/producer-state.ts'
import { advance, toPosition } from '../../core/numbers.ts'
import { timedOut } from '../store-calls/retry.ts'
import { type AppendedEntry, EpochRefused, SequenceRefused } from './append-once.ts'
import { type Call, countBytes, type ProducerSequence } from './shipment.ts'

/** Where calls lie: in the object of their shipment from a position on, or in the entry itself. */
export interface Placement {
  readonly object: string
  /** The object's; says nothing where they are inline. */
  readonly epoch: number
  readonly position: number | 'inline'
  readonly createdMs: number
}

export interface PartitionLog {
  /** Appends an entry, which holds what these calls bring, once it is its turn. */
  append(entry: IndexEntry, calls: readonly Call[]): Promise<AppendedEntry>
  /** What is known of a producer outside of the head. @param written for the error at the deadline */
  findRetired(producerId: bigint, written: Written): Promise<FlushedProducer | undefined>
  newId(): string
  /** Uploads the calls' bytes anew, in an object of their own and of the newest epoch. */
  bringAnew(calls: readonly Call[]): Promise<Placement>
}

/**
 * Appends calls to one partition as one entry and answers each. Where the log refuses the entry because of what a
 * call says of its producer, halves are tried, down to the very calls that are wrong: a repetition is answered
 * from where it stands, any other is refused, and the rest goes into the log.
 * @param id the entry's: of a whole run its object's, which its encoding then need not repeat
 */
export async function appendOrSplit(
  calls: readonly Call[],
  placement: Placement,
  id: string,
  log: PartitionLog,
): Promise<void> {
  try {
    const producers = producersOf(calls)
    if (calls.length > 1 && !sequenceSteps(producers)) {
      await appendHalves(calls, placement, log)
      return
    }
    answer(calls, await appendOfLaterEpoch(calls, producers, placement, id, log))
  } catch (error) {
    if (!(error instanceof SequenceRefused)) {
      for (const { waiter } of calls) waiter.reject(error)
    } else if (calls.length === 1) {
      await answerRefused(calls[0]!, error, log)
    } else if (error.written === 'no') {
      await appendHalves(calls, placement, log)
    } else {
      // Should the earlier try land yet, what its parts have put into the log meanwhile would stand there twice.
      for (const { waiter } of calls) waiter.reject(timedOut(error, error.written))
    }
  }
}

/** Appends them as one entry; where the log takes no object of that epoch any more, with an object of the newest one. */
async function appendOfLaterEpoch(
  calls: readonly Call[],
  producers: readonly ProducerRun[],
  placement: Placement,
  id: string,
  log: PartitionLog,
): Promise<AppendedEntry> {
  let [place, entryId] = [placement, id]
  for (let broughtAnew = 0; ; broughtAnew += 1) {
    try {
      return await log.append(toEntry(calls, producers, place, entryId), calls)
    } catch (error) {
      if (!(error instanceof EpochRefused)) throw error
      if (broughtAnew === EPOCH_TRIES_MAX) throw timedOut(error, 'no')
      place = await log.bringAnew(calls)
      entryId = place.object
    }
  }
}

async function appendHalves(calls: readonly Call[], placement: Placement, log: PartitionLog): Promise<void> {
  const left = calls.slice(0, Math.ceil(calls.length / 2))
  await appendOrSplit(left, placement, log.newId(), log)
  const { position } = placement
  const after = position === 'inline' ? position : position + countBytes(left)
  await appendOrSplit(calls.slice(left.length), { ...placement, position: after }, log.newId(), log)
}

function toEntry(
  calls: readonly Call[],
  producers: readonly ProducerRun[],
  { object, epoch, position, createdMs }: Placement,
  id: string,
): IndexEntry {
  const marks = new MarkTracker()
  // Of what is produced every offset has a record.
  let span = 0
  let maxTimestampMs = -1
  for (const { run } of calls) {
    for (const batch of run.batches) marks.add(batch.records, batch.bytes)
    span += run.records
    maxTimestampMs = Math.max(maxTimestampMs, run.maxTimestampMs)
  }
  return {
    id,
    span,
    bytes: countBytes(calls),
    maxTimestampMs,
    createdMs,
    place:
      position === 'inline'
        ? { kind: 'inline', payload: Buffer.concat(calls.map(({ run }) => run.chunk)) }
        : { kind: 'object', object, epoch, position: toPosition(position) },
    marks: marks.marks,
    producers,
  }
}

function producersOf(calls: readonly Call[]): ProducerRun[] {
  const producers: ProducerRun[] = []
  let spanBefore = 0
  for (const { run } of calls) {
    if (run.sequence) producers.push({ ...run.sequence, records: run.records, spanBefore })
    spanBefore += run.records
  }
  return producers
}

function answer(calls: readonly Call[], { baseOffset, head }: AppendedEntry): void {
  let next = baseOffset
  for (const { run, waiter } of calls) {
    waiter.resolve({ run, baseOffset: next, head })
    next = advance(next, run.records)
  }
}

async function answerRefused(
  { run, waiter }: Call,
  refused: SequenceRefused,
  log: PartitionLog,
): Promise<void> {
  const { head, written } = refused
  const [producer] = producersOf([{ run, waiter }])
  try {
    const verdict = producer && (await judge(producer, refused, log))
    if (verdict?.kind === 'duplicate') {
      waiter.resolve({ run, baseOffset: verdict.baseOffset, head, isDuplicate: true })
    } else {
      waiter.reject(refusal(verdict, run.sequence, written))
    }
  } catch (error) {
    waiter.reject(error)
  }
}

async function judge(
  run: ProducerRun,
  { head, retired, written }: SequenceRefused,
  log: PartitionLog,
): Promise<Verdict> {
  const { producerId } = run
  const verdict = judgeRun(head, run, retired.get(producerId))
  // Of a producer that has come back the head knows what came since. What was before may still stand in its item.
  const isBehind = verdict.kind === 'old' || verdict.kind === 'skipped'
  if (!isBehind || retired.has(producerId)) return verdict
  return judgeRun(head, run, await log.findRetired(producerId, written))
}

function refusal(
  verdict: Verdict | undefined,
  sequence: ProducerSequence | undefined,
  written: Written,
): Error {
  const who = `Producer ${sequence?.producerId}`
  switch (verdict?.kind) {
    case 'old':
      return new TidemarkError(
        'DUPLICATE_SEQUENCE_NUMBER',
        `${who} has sent sequence ${sequence!.sequence} before, and it was written; too much has come since to say ` +
          'where it stands. Do not send it again.',
        'yes',
      )
    case 'skipped':
      return new TidemarkError(
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
        `${who} sent sequence ${sequence!.sequence}, but the log goes on with ${verdict.expected}, and has not taken all ` +
          'of this batch: later ones were faster, or it was made in another way the first time. Read what is there, or ' +
          'begin anew with a higher epoch.',
        // What was forgotten may be there all the same, and a part of it is where only its end is missing.
        'unknown',
      )
    case 'gap':
      return new TidemarkError(
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
        `${who} sent sequence ${sequence!.sequence}, but the log goes on with ${verdict.expected}. Send what is missing ` +
          'first, or begin anew with a higher epoch.',
        written,
      )
    case 'fenced':
      return new TidemarkError(
        'INVALID_PRODUCER_EPOCH',
        `${who} sent epoch ${sequence!.epoch}, but another has taken its place with epoch ${verdict.epoch}.`,
        written,
      )
    default:
      return new Error('the log refused an entry that follows on what it has')
  }
}
