import { PRODUCER_EPOCHS_MAX, TRANSACTION_TIMEOUT_MS_MAX } from '../../limits.ts'
import { wrongState } from '../fence.ts'
import type { Changed, ProducerName, Refusal, Transaction } from '../transaction.ts'

export interface WantedProducer {
  readonly transactionalId: string
  readonly timeoutMs: number
  /** Who asks for its own next epoch, having lost count (KIP-360); undefined: whoever comes first, or after another. */
  readonly producer?: ProducerName | undefined
}

/**
 * Gives the producer of a transactional id its next epoch, so that whoever had it before is fenced from then on. A transaction that is
 * open becomes one to be aborted, and the caller asks again once that is done; one that is decided has to be finished before.
 * @param newProducerId for one that is new, or has no epochs left
 */
export function initProducer(
  standing: Transaction | undefined,
  { transactionalId, timeoutMs, producer }: WantedProducer,
  newProducerId: bigint,
  nowMs: number,
): Changed {
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > TRANSACTION_TIMEOUT_MS_MAX) {
    return {
      kafkaName: 'INVALID_TRANSACTION_TIMEOUT',
      message: `A transaction's time-out of ${timeoutMs} ms is not between 1 and ${TRANSACTION_TIMEOUT_MS_MAX}.`,
    }
  }
  if (!standing) return newTransaction(transactionalId, newProducerId, timeoutMs, nowMs)
  if (producer && !isSame(producer, standing)) return repeatedBump(standing, producer)
  if (standing.state === 'committing' || standing.state === 'aborting')
    return wrongState(standing, 'have a new producer')
  const next = nextEpoch(standing, newProducerId)
  const bumped: Transaction = {
    ...standing,
    ...next,
    timeoutMs,
    updatedMs: nowMs,
    bumpedFrom: producer ? { producerId: producer.producerId, epoch: producer.epoch } : null,
    sequences: new Map(),
  }
  if (standing.state === 'open') return { ...bumped, state: 'aborting' }
  return { ...bumped, state: 'empty', partitions: [], chunks: [], offsets: [], done: [] }
}

/** The transaction under its next epoch: whoever had the one before is fenced. */
export function nextEpoch({ producerId, epoch }: ProducerName, newProducerId: bigint): ProducerName {
  return epoch < PRODUCER_EPOCHS_MAX
    ? { producerId, epoch: epoch + 1 }
    : { producerId: newProducerId, epoch: 0 }
}

/** The epoch that was given on this very request before, as long as nobody has begun anything under it. */
function repeatedBump(standing: Transaction, producer: ProducerName): Changed {
  if (standing.bumpedFrom && isSame(standing.bumpedFrom, producer)) {
    if (standing.state === 'empty') return standing
    if (standing.state === 'aborting') return wrongState(standing, 'have a new producer')
  }
  return fenced(standing, producer)
}

function fenced({ transactionalId, epoch }: Transaction, producer: ProducerName): Refusal {
  return {
    kafkaName: 'PRODUCER_FENCED',
    message: `Another producer has taken the transactional id "${transactionalId}" over: it has epoch ${epoch}, not ${producer.epoch}. Close this one.`,
  }
}

function isSame(one: ProducerName, other: ProducerName): boolean {
  return one.producerId === other.producerId && one.epoch === other.epoch
}

function newTransaction(
  transactionalId: string,
  producerId: bigint,
  timeoutMs: number,
  nowMs: number,
): Transaction {
  return {
    transactionalId,
    version: '',
    producerId,
    epoch: 0,
    bumpedFrom: null,
    number: 0,
    begunBy: { producerId, epoch: 0 },
    state: 'empty',
    timeoutMs,
    startedMs: nowMs,
    updatedMs: nowMs,
    floor: 0,
    partitions: [],
    chunks: [],
    sequences: new Map(),
    offsets: [],
    done: [],
  }
}
