import { copyBytes } from '../../core/bytes.ts'
import { TidemarkError } from '../../core/errors.ts'
import { BATCH_BYTES_MAX, OUTBOX_RECEIPT_MS } from '../../core/limits.ts'
import { stateOf } from '../../core/log/producers/flushed-producer.ts'
import { SEQUENCES } from '../../core/log/producers/producer-state.ts'
import { decidePark, type Lane, type Move, type Park, renumber, withdraw } from '../../core/outbox/lane.ts'
import type { OutboxItem } from '../../core/outbox/outbox-item.ts'
import { readBatchHeader, stampProducer } from '../../core/record/batch-header.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { readSettings, type TopicSettings } from '../../core/topic/topic-config.ts'
import type { Ports } from '../../ports/index.ts'
import type { OutboxStore } from '../../ports/outbox-store.ts'
import type { LogBroker } from '../log-broker.ts'
import { checkRun } from '../producing/check-run.ts'
import type { CheckedRun } from '../producing/shipment.ts'
import { readRetired } from '../settling/retired-producers.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { findTopic, gone } from './plan-step.ts'

export type OutboxPorts = Ports & { readonly outboxes: OutboxStore }

/** What carrying out takes. */
export interface Carrying {
  readonly ports: OutboxPorts
  readonly broker: Pick<LogBroker, 'append'>
  readonly directory: TopicDirectory
}

/** What became of what a lane had decided. */
export type CarriedOut =
  | {
      readonly kind: 'done'
      readonly moved: readonly OutboxItem[]
      readonly parked: readonly OutboxItem[]
      readonly records: number
    }
  /** It cannot be done so: this is to be decided instead, if the lane is still as it was. */
  | { readonly kind: 'instead'; readonly lane: Lane }
  /** The lane may have gone on. */
  | { readonly kind: 'passed' }

const PASSED: CarriedOut = { kind: 'passed' }

/**
 * Does what a lane has decided, as far as it is not done. Any number of relays may do it, and late: an append of the same move is
 * refused by the log, an item that is gone is not put aside, and the first item is removed last, so that whoever finds it
 * gone knows that all is done.
 * @param isTrusted whether it is not long ago that the lane was read, and what it has decided was not done then
 * @param inHand the items, where they were read after what the lane had decided before was done
 * @throws TidemarkError, and what stores throw: it may be done or not, and is to be done again
 */
export async function carryOut(
  { ports, broker, directory }: Carrying,
  partition: PartitionId,
  lane: Lane,
  inHand: readonly OutboxItem[] | undefined,
  { deadlineMs, isTrusted }: { readonly deadlineMs: number; isTrusted(): boolean },
): Promise<CarriedOut> {
  const { outboxes, clock } = ports
  const doing = lane.doing!
  const settle = <T>(step: () => Promise<T>) => retryUntil(ports, deadlineMs, 'no', step)
  const items = inHand ?? (await settle(() => outboxes.find(partition, doing.keys)))
  if (doing.kind === 'park') {
    await parkAll(ports, partition, doing, items, settle)
    return { kind: 'done', moved: [], parked: items, records: 0 }
  }
  // Only what is in the log is removed: one that is gone says that all are there.
  const isAppended = items.length < doing.keys.length
  if (!isAppended) {
    const isOld = !inHand && Math.abs(clock.nowMs() - doing.decidedMs) > OUTBOX_RECEIPT_MS
    if (isOld) return insteadPark(ports, lane, doing, UNTOLD)
    // Who has slept for days may find that the log has forgotten the lane, and would take the move once more.
    if (!isTrusted()) return PASSED
    const instead = await append({ ports, broker, directory }, partition, lane, doing, items, deadlineMs)
    if (instead) return instead
  }
  await removeAll(outboxes, partition, doing.keys, settle)
  return { kind: 'done', moved: isAppended ? [] : items, parked: [], records: isAppended ? 0 : doing.records }
}

const UNTOLD = {
  error: 'REQUEST_TIMED_OUT',
  reason:
    'A relay began to move this and was not heard of for so long that the log does not tell any more whether it did. ' +
    'Look for it in the log, and send it again if it is not there.',
} as const

function insteadPark(
  { entropy, clock }: Ports,
  lane: Lane,
  { keys }: Move,
  parking: Parameters<typeof decidePark>[3],
): CarriedOut {
  return { kind: 'instead', lane: decidePark(lane, entropy.id(), keys, parking, clock.nowMs()) }
}

type Settle = <T>(step: () => Promise<T>) => Promise<T>

async function parkAll(
  { outboxes, clock }: OutboxPorts,
  partition: PartitionId,
  { keys, error, reason }: Park,
  items: readonly OutboxItem[],
  settle: Settle,
): Promise<void> {
  const parking = { error, reason }
  const first = items.find(({ key }) => key === keys[0])
  for (const item of items) {
    if (item !== first) await settle(() => outboxes.park(partition, item, parking, clock.nowMs()))
  }
  if (first) await settle(() => outboxes.park(partition, first, parking, clock.nowMs()))
}

async function removeAll(
  outboxes: OutboxStore,
  partition: PartitionId,
  [first, ...others]: readonly string[],
  settle: Settle,
): Promise<void> {
  if (others.length > 0) await settle(() => outboxes.remove(partition, others))
  await settle(() => outboxes.remove(partition, [first!]))
}

/** Undefined: they are in the log. */
async function append(
  { ports, broker, directory }: Carrying,
  partition: PartitionId,
  lane: Lane,
  move: Move,
  items: readonly OutboxItem[],
  deadlineMs: number,
): Promise<CarriedOut | undefined> {
  const { topic: name } = items[0]!
  const topic = await findTopic(ports, directory, partition, name, deadlineMs)
  const settings = asDecided(topic?.settings ?? readSettings({}, true))
  const run = asNumbered(lane, move, items, settings, ports.clock.nowMs())
  if (!run) return await judge(ports, partition, lane, move, deadlineMs, withdraw)
  try {
    await broker.append(partition, run)
    return undefined
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    switch (error.kafkaName) {
      case 'DUPLICATE_SEQUENCE_NUMBER':
        return undefined
      case 'UNKNOWN_TOPIC_OR_PARTITION':
        directory.forget(name)
        return insteadPark(ports, lane, move, gone(name))
      case 'OUT_OF_ORDER_SEQUENCE_NUMBER':
      case 'INVALID_PRODUCER_EPOCH':
        return await judge(ports, partition, lane, move, deadlineMs)
      default:
        throw error
    }
  }
}

/**
 * The log says that the move does not follow on what it has. If the lane has gone on, that is why. Else the log has it already, or
 * it knows less of the lane than the lane does.
 * @param instead what is to be decided then
 */
async function judge(
  ports: OutboxPorts,
  partition: PartitionId,
  lane: Lane,
  move: Move,
  deadlineMs: number,
  instead: (lane: Lane, version: string, id: string) => Lane = (...of) => renumber(of[0], move, of[1], of[2]),
): Promise<CarriedOut | undefined> {
  const { outboxes, index, entropy } = ports
  const standing = await retryUntil(ports, deadlineMs, 'no', () => outboxes.readLane(partition))
  if (standing?.version !== lane.version) return PASSED
  const head = await retryUntil(ports, deadlineMs, 'no', () => index.readHead(partition))
  const retired = await readRetired(ports, partition, [lane.producerId], deadlineMs, 'unknown')
  const flushed = retired.get(lane.producerId)
  const state = head?.producers.get(lane.producerId) ?? (flushed && stateOf(flushed))
  const last = (move.sequence + move.records - 1) % SEQUENCES
  if (state && state.epoch === lane.epoch && state.lastSequence === last) return undefined
  return { kind: 'instead', lane: instead(lane, entropy.id(), entropy.id()) }
}

/**
 * Undefined where they are not what was decided: an application has written over one. Under the numbers that were decided, the log would
 * take what comes next for a repetition.
 */
function asNumbered(
  lane: Lane,
  move: Move,
  items: readonly OutboxItem[],
  settings: TopicSettings,
  nowMs: number,
): CheckedRun | undefined {
  try {
    const run = checkRun(numbered(lane, move, items), settings, nowMs, Number.MAX_SAFE_INTEGER)
    return run.records === move.records ? run : undefined
  } catch (error) {
    if (error instanceof TidemarkError || error instanceof RangeError) return undefined
    throw error
  }
}

/** The batches of the items one after the other, as those of the lane. */
function numbered(lane: Lane, move: Move, items: readonly OutboxItem[]): Uint8Array {
  const { producerId, epoch: producerEpoch } = lane
  let baseSequence = move.sequence
  const batches = items.map(({ batch }) => {
    const bytes = copyBytes(batch)
    stampProducer(bytes, 0, { producerId, producerEpoch, baseSequence })
    baseSequence = (baseSequence + readBatchHeader(bytes).recordCount) % SEQUENCES
    return bytes
  })
  return Buffer.concat(batches)
}

/** Whatever the topic has come to take since: it was asked before the move was decided. */
function asDecided(settings: TopicSettings): TopicSettings {
  return { ...settings, maxBatchBytes: BATCH_BYTES_MAX }
}
