import type { IndexEntry } from '../../../src/core/log/entry.ts'
import { toPosition } from '../../../src/core/numbers.ts'
import { initProducer } from '../../../src/core/transaction/changes/init-producer.ts'
import type { RunToStage } from '../../../src/core/transaction/changes/stage.ts'
import {
  type Changed,
  isRefusal,
  type Refusal,
  type Transaction,
} from '../../../src/core/transaction/transaction.ts'

export const NOW_MS = 1_750_000_000_000
export const ME = { producerId: 7n, epoch: 0 }
export const ORDERS = { topicId: 'o', topic: 'orders', partition: 0 }
export const BILLS = { topicId: 'b', topic: 'bills', partition: 3 }

export const idOf = (digit: number): string => digit.toString(16).padStart(32, '0')

/** The transaction, of which it is known that it is none that was refused. */
export function changed(given: Changed): Transaction {
  if (isRefusal(given)) throw new Error(`${given.kafkaName}: ${given.message}`)
  return given
}

export function refusal(given: Changed): Refusal['kafkaName'] | undefined {
  return isRefusal(given) ? given.kafkaName : undefined
}

export function empty(overrides: Partial<Transaction> = {}): Transaction {
  const wanted = { transactionalId: 'shop', timeoutMs: 60_000 }
  return { ...changed(initProducer(undefined, wanted, ME.producerId, NOW_MS)), ...overrides }
}

/** Records of a producer's, in a row. */
export function runOf(
  sequence: number,
  records: number,
  { producerId, epoch }: { producerId: bigint; epoch: number } = ME,
  place: IndexEntry['place'] = { kind: 'inline', payload: new Uint8Array(10) },
): IndexEntry {
  return {
    id: idOf(sequence + 1),
    span: records,
    bytes: 10,
    maxTimestampMs: NOW_MS,
    createdMs: NOW_MS,
    place,
    marks: [],
    producers: [{ producerId, epoch, sequence, records, spanBefore: 0 }],
  }
}

export function inObject(epoch: number): IndexEntry['place'] {
  return { kind: 'object', object: idOf(9), epoch, position: toPosition(0) }
}

export function toStage(run: IndexEntry, place = ORDERS): RunToStage {
  return { ...place, run }
}
