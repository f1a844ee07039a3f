import type { Broker } from '../../../contract/broker.ts'
import type { TransactionBroker } from '../../../contract/transactions.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { requestRetries } from '../retry-options.ts'
import type { ProducerOptions } from './producer-options.ts'
import { Transaction, type TransactionSender } from './transaction.ts'
import { TransactionalWriter } from './transactional.ts'

/**
 * What begins a producer's transactions, one after the other.
 * @param open a producer on the broker as it is seen within a transaction
 * @throws TidemarkError INVALID_REQUEST, UNSUPPORTED_VERSION
 */
export function openTransactions(
  broker: Broker,
  { transactionalId, transactionTimeout, ...options }: ProducerOptions,
  deliveryMs: number,
  open: (within: Broker, options: ProducerOptions) => TransactionSender,
): { begin(): Promise<Transaction> } {
  if (!transactionalId) {
    throw new TidemarkError('INVALID_REQUEST', 'A producer without a transactionalId has no transactions.')
  }
  if (!hasTransactions(broker)) {
    throw new TidemarkError('UNSUPPORTED_VERSION', 'This broker has no transactions.')
  }
  const retry = requestRetries(options.retry ?? {}, deliveryMs, options.requestTimeout)
  const writer = new TransactionalWriter(broker, transactionalId, transactionTimeout, retry)
  // Its batches are numbered when they are shipped, and nothing is gained by waiting for more: what is sent is gathered anyhow.
  const within = open(writer.within(broker), { ...options, idempotent: false, lingerMs: 0 })
  let isActive = false
  return {
    async begin() {
      if (isActive) {
        throw new TidemarkError(
          'INVALID_TXN_STATE',
          'A transaction of this producer is active: end it first.',
        )
      }
      isActive = true
      try {
        await writer.begin()
      } catch (error) {
        isActive = false
        throw error
      }
      return new Transaction(writer, within, () => {
        isActive = false
      })
    },
  }
}

function hasTransactions(broker: Broker): broker is Broker & TransactionBroker {
  return typeof (broker as Partial<TransactionBroker>).initProducer === 'function'
}
