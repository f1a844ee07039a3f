import type { Ports } from '../../ports/index.ts'
import { type LookedAfter, lookAfterAll } from '../finishing/look-after.ts'
import { TransactionCall } from '../finishing/transaction-call.ts'
import { TopicDirectory } from '../topics/topic-directory.ts'
import type { Budget } from './budget.ts'
import { makeRoom } from './make-room.ts'

/**
 * Finishes the transactions that are decided, aborts those that are overdue, and forgets the ids that nobody has used for a week.
 * @param floor what staged objects' ingest epochs have to be at least from now on; `isDrained` tells whether they are already
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline
 */
export function lookAfterTransactions(
  ports: Ports,
  { deadlineMs }: Pick<Budget, 'deadlineMs'>,
  floor?: number,
): Promise<LookedAfter> {
  const directory = new TopicDirectory(ports.topics, ports.clock)
  const call = new TransactionCall(ports, directory, deadlineMs)
  return lookAfterAll(call, { makeRoom, floor, forgets: true })
}
