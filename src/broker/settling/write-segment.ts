import type { Stretch } from '../../core/batches/stretches.ts'
import type { TidemarkError } from '../../core/errors.ts'
import { deadNote, type IntentNote } from '../../core/garbage.ts'
import { SETTLING_PIECE_BYTES } from '../../core/limits.ts'
import type { FlushedProducer } from '../../core/log/producers/flushed-producer.ts'
import type { Level, Segment } from '../../core/log/settled/segment.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import { SegmentWriter } from '../../core/segment/segment-writer.ts'
import { logObjectKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { OutcomeUnknown, StoreFailed } from '../../ports/outcome.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Budget } from './budget.ts'
import { Gathered } from './gathered.ts'
import { givenUp, RecordsMissing } from './records-missing.ts'

/** What is smaller is written together. */
const GATHERED_BYTES = 256 * 1024

/** One partition's log, and the topic that it is of. */
export interface Log {
  readonly topic: TopicItem
  readonly partition: PartitionId
  /**
   * Given where offsets whose object is not there are given up: a mark is written in their place, and from then on no object that
   * is brought back has them. Told of each, by a write that is tried again also twice. Not given: RecordsMissing.
   */
  acceptLoss?: ((error: TidemarkError) => void) | undefined
}

/** What is to be written, and what only its writer knows of it. */
export interface SegmentPlan {
  readonly level: Level
  readonly baseOffset: Offset
  readonly end: Offset
  /**
   * From the base to the end without a gap; asked for anew where the upload is tried again. The memory of one may be used again
   * as soon as the next is asked for.
   */
  stretches(): AsyncIterable<Stretch>
  /** Where the log starts now. */
  readonly startOffset: Offset
  /** Of a pass of the cleaner: up to where it cleans, and up to where it reaches; else 0. */
  readonly cleanTo?: Offset
  readonly passEnd?: Offset
  readonly createdMs: number
  readonly writes: number
  readonly loggedBytes: number
  /** Asked once all stretches are given: whoever cleans them knows only then. */
  readonly tombstonesMs: number | (() => number)
  /** What is known at the end of the producers. */
  readonly producers: ReadonlyMap<bigint, FlushedProducer>
}

/** A segment whose object is there, and the note of it. */
export interface Written {
  readonly segment: Segment
  readonly intent: IntentNote
}

/**
 * Writes a segment's object. The note stands before the object: so it is known of, whatever becomes of this process, until an
 * item names it. Each try has an id of its own, since it might read something else.
 * @throws RecordsMissing; TidemarkError REQUEST_TIMED_OUT at the deadline; what `stretches` throws
 */
export async function writeSegment(
  ports: Ports,
  log: Log,
  plan: SegmentPlan,
  budget: Budget,
): Promise<Written> {
  const { clock, entropy, objects, upkeep } = ports
  return await retryUntil(ports, budget.deadlineMs, 'no', async () => {
    const id = entropy.id()
    const key = logObjectKey(log.partition, plan.baseOffset, id)
    const intent: IntentNote = { kind: 'intent', key, level: plan.level, notedMs: clock.nowMs() }
    await retryUntil(ports, budget.deadlineMs, 'no', () => upkeep.putNote(intent))
    const made: { segment?: Segment } = {}
    try {
      await objects.putLarge(key, chunksOf(log, plan, id, budget, made))
    } catch (error) {
      const mayBeThere = error instanceof OutcomeUnknown || (error instanceof StoreFailed && error.isUnsure)
      if (!mayBeThere) await upkeep.removeNote(intent).catch(() => {})
      throw error
    }
    return { segment: made.segment!, intent }
  })
}

/** Removes the note of an upload once it is known which segment stands in its place: where that is another, its object is dead. */
export async function endIntent(
  ports: Ports,
  { segment, intent }: Written,
  standing: Segment,
  { deadlineMs }: Budget,
): Promise<void> {
  if (standing.id !== segment.id) await giveUp(ports, intent, deadlineMs)
  else await retryUntil(ports, deadlineMs, 'no', () => ports.upkeep.removeNote(intent))
}

/**
 * Gives up an object that no item has come to name. It is noted as dead and not removed at once: an upload that was repeated on
 * its way may come after the removal, and nobody would know of it any more; and whoever has read something of it has its time.
 */
export async function giveUp(
  { upkeep, ...ports }: Ports,
  intent: IntentNote,
  deadlineMs: number,
): Promise<void> {
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, deadlineMs, 'no', step)
  const dead = deadNote(intent.key, ports.clock.nowMs(), 2, ports.entropy.id())
  await insist(() => upkeep.putNote(dead))
  await insist(() => upkeep.removeNote(intent))
}

async function* chunksOf(
  log: Log,
  plan: SegmentPlan,
  id: string,
  budget: Budget,
  made: { segment?: Segment },
): AsyncGenerator<Uint8Array> {
  const { topic, partition } = log
  const writer = new SegmentWriter(plan.baseOffset)
  // Entries may be very small, and each chunk is written by itself.
  const gathered = new Gathered()
  let bytes = 0
  for await (const stretch of plan.stretches()) {
    // What has been deleted is missed by nobody: a hole.
    if (stretch.kind === 'lost' && stretch.end <= plan.startOffset) continue
    if (stretch.kind === 'lost' && !stretch.isMarked) acceptLoss(log, stretch)
    const chunk = writeStretch(writer, stretch)
    bytes += chunk.length
    if (gathered.length + chunk.length > GATHERED_BYTES && gathered.length > 0) yield gathered.take()
    if (chunk.length > GATHERED_BYTES) yield chunk
    else gathered.add(chunk)
    if (bytes < SETTLING_PIECE_BYTES) continue
    await budget.pace(bytes)
    bytes = 0
  }
  if (gathered.length > 0) yield gathered.take()
  const { level, startOffset, createdMs, writes, loggedBytes, tombstonesMs, producers } = plan
  const { footer, segment } = writer.finish(plan.end, {
    topic,
    partition: partition.partition,
    level,
    id,
    startOffset,
    cleanTo: plan.cleanTo ?? toOffset(0),
    passEnd: plan.passEnd ?? toOffset(0),
    createdMs,
    writes,
    loggedBytes,
    tombstonesMs: typeof tombstonesMs === 'number' ? tombstonesMs : tombstonesMs(),
    producers,
  })
  made.segment = segment
  yield footer
}

function acceptLoss({ topic, partition, acceptLoss: accept }: Log, stretch: Stretch): void {
  if (!accept) throw new RecordsMissing(`${topic.name}/${partition.partition}`, stretch)
  accept(givenUp(stretch))
}

function writeStretch(writer: SegmentWriter, stretch: Stretch): Uint8Array {
  const { kind, baseOffset, end } = stretch
  if (kind === 'lost') return writer.addLost(baseOffset, end)
  if (kind === 'damaged') return writer.addDamaged(stretch.bytes, baseOffset, end)
  return stretch.bytes.length === 0 ? stretch.bytes : writer.add(stretch.bytes, baseOffset, 'stored', end)
}
