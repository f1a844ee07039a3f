import { lookAfterOne } from '../../src/broker/finishing/look-after.ts'
import { TransactionCall } from '../../src/broker/finishing/transaction-call.ts'
import { makeRoom } from '../../src/broker/settling/make-room.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { parseTransactionKey } from '../../src/core/storage-transactions.ts'
import type { Service } from '../runtime/service.ts'

/**
 * Finishes those of some transactions that were decided and are not done, and aborts those that are overdue. What a store refuses for now is
 * tried again until the deadline; what fails for another reason is told, and thrown. Nobody calls again: the next upkeep looks at all.
 * @param keys the partition keys of their items
 */
export async function seeTo(
  { ports, telemetry }: Pick<Service, 'ports' | 'telemetry'>,
  keys: readonly string[],
  deadlineMs: number,
): Promise<void> {
  const call = new TransactionCall(ports, new TopicDirectory(ports.topics, ports.clock), deadlineMs)
  const failures: unknown[] = []
  await call.forEach(keys, async key => {
    try {
      await lookAfterOne(call, parseTransactionKey(key), { makeRoom, forgets: false })
    } catch (error) {
      failures.push(error)
      telemetry.error('A transaction that is decided is not done', { key, error })
    }
  })
  if (failures.length === 0) return
  telemetry.publish({
    metrics: { Requests: 1, SettlingFailures: failures.length },
    details: { transactions: keys.length },
  })
  throw failures[0]
}
