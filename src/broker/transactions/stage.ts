import type { PartitionResult, StagedBatches, TransactionName } from '../../contract/transactions.ts'
import { MarkTracker } from '../../core/batches/batch-run.ts'
import { TidemarkError } from '../../core/errors.ts'
import { COMMIT_BYTES_MAX, INLINE_BYTES_MAX, PRODUCE_BYTES_MAX } from '../../core/limits.ts'
import { type Position, toPosition } from '../../core/numbers.ts'
import { gatherSmallChunks } from '../../core/segment/chunks.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { RunToStage } from '../../core/transaction/changes/stage.ts'
import type { futureTime } from '../../ports/clock.ts'
import { putStaged } from '../finishing/staged-bytes.ts'
import { type TransactionCall, toFailure } from '../finishing/transaction-call.ts'
import { currentEpoch, refreshEpoch } from '../ingest/current-epoch.ts'
import { checkKeys, checkRun } from '../producing/check-run.ts'
import type { CheckedRun } from '../producing/shipment.ts'

/** Batches of one partition that have been checked. */
export interface CheckedBatches extends PartitionId {
  /** The topic's name. */
  readonly topic: string
  readonly run: CheckedRun
}

/** What is to be staged, in the order of the request: checked, or why not. */
export type Prepared = CheckedBatches | { readonly result: PartitionResult }

/** Checks batches as produce does, stamps them where the topic says so. Nothing is stored. */
export async function checkAll(
  call: TransactionCall,
  name: TransactionName,
  batches: readonly StagedBatches[],
  futureMs: ReturnType<typeof futureTime>,
): Promise<Prepared[]> {
  return await Promise.all(
    batches.map(async asked => {
      const { topic, partition } = asked
      try {
        return await checkOne(call, name, asked, futureMs)
      } catch (error) {
        return { result: { topic, partition, error: toFailure(error) } }
      }
    }),
  )
}

async function checkOne(
  call: TransactionCall,
  name: TransactionName,
  { topic: topicName, topicId, partition, batches }: StagedBatches,
  futureMs: ReturnType<typeof futureTime>,
): Promise<CheckedBatches> {
  const arrivedMs = call.ports.clock.monotonicMs()
  if (batches.length > PRODUCE_BYTES_MAX) {
    throw new TidemarkError(
      'RECORD_LIST_TOO_LARGE',
      `A produce call of ${batches.length} bytes for one partition is above the limit of ${PRODUCE_BYTES_MAX}. Send fewer batches at a time.`,
    )
  }
  const id = await call.read(() => call.directory.resolvePartition(topicName, partition, topicId))
  const topic = await call.read(() => call.directory.resolve(topicName))
  const nowMs = call.nowMs()
  const run = checkRun(batches, topic.settings, nowMs, futureMs(nowMs, arrivedMs), true)
  checkProducer(name, run)
  if (topic.settings.isCompacted) await checkKeys(run, topic)
  return { topic: topicName, ...id, run }
}

function checkProducer(
  { transactionalId, producerId, epoch }: TransactionName,
  { sequence }: CheckedRun,
): void {
  if (sequence?.producerId === producerId && sequence.epoch === epoch) return
  const isOther = sequence?.producerId !== producerId
  throw new TidemarkError(
    isOther ? 'INVALID_PRODUCER_ID_MAPPING' : 'INVALID_PRODUCER_EPOCH',
    `A batch of "${transactionalId}" is not of producer ${producerId} with epoch ${epoch}, but of ` +
      `${sequence ? `producer ${sequence.producerId} with epoch ${sequence.epoch}` : 'none'}.`,
  )
}

/** Where checked batches lie: in an object from a position on, or with the transaction. */
interface Placed {
  readonly checked: CheckedBatches
  readonly place: { readonly object: string; readonly epoch: number; readonly position: Position } | 'inline'
}

/**
 * Stores what is too large to stand in the transaction's item, and gives the runs that it is to take.
 * @param isAnew whether it was stored before under an ingest epoch that is too old
 */
export async function placeAll(
  call: TransactionCall,
  all: readonly CheckedBatches[],
  isAnew: boolean,
): Promise<RunToStage[]> {
  const bytes = all.reduce((sum, { run }) => sum + run.chunk.length, 0)
  const isInline = bytes < INLINE_BYTES_MAX
  const placed: Placed[] = isInline
    ? all.map(checked => ({ checked, place: 'inline' }))
    : await storeAll(call, all, isAnew)
  const createdMs = call.nowMs()
  return placed.map(each => toRun(call, each, createdMs))
}

async function storeAll(
  call: TransactionCall,
  all: readonly CheckedBatches[],
  isAnew: boolean,
): Promise<Placed[]> {
  const { ports, deadlineMs } = call
  const epoch = await (isAnew ? refreshEpoch(ports, deadlineMs) : currentEpoch(ports, deadlineMs))
  const stored = await Promise.all(
    inObjects(all).map(async together => {
      const chunks = gatherSmallChunks(together.map(({ run }) => run.chunk))
      const object = await putStaged(ports, epoch, chunks, deadlineMs)
      let next = 0
      return together.map(checked => {
        const position = toPosition(next)
        next += checked.run.chunk.length
        return { checked, place: { object, epoch, position } }
      })
    }),
  )
  return stored.flat()
}

function inObjects(all: readonly CheckedBatches[]): CheckedBatches[][] {
  const objects: CheckedBatches[][] = []
  let left = 0
  for (const checked of all) {
    const bytes = checked.run.chunk.length
    if (bytes > left) {
      objects.push([])
      left = Math.max(bytes, COMMIT_BYTES_MAX)
    }
    left -= bytes
    objects.at(-1)!.push(checked)
  }
  return objects
}

function toRun(call: TransactionCall, { checked, place }: Placed, createdMs: number): RunToStage {
  const { topic, topicId, partition, run } = checked
  const marks = new MarkTracker()
  for (const batch of run.batches) marks.add(batch.records, batch.bytes)
  return {
    topic,
    topicId,
    partition,
    run: {
      id: call.ports.entropy.id(),
      span: run.records,
      bytes: run.chunk.length,
      maxTimestampMs: run.maxTimestampMs,
      createdMs,
      // The caller's memory is the caller's again once this was staged, and the item is remembered for longer.
      place:
        place === 'inline'
          ? { kind: 'inline', payload: new Uint8Array(run.chunk) }
          : { kind: 'object', ...place },
      marks: marks.marks,
      producers: [{ ...run.sequence!, records: run.records, spanBefore: 0 }],
    },
  }
}
