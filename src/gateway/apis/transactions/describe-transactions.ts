import type { TransactionDescription } from '../../../contract/transactions.ts'
import { groupBy } from '../../../core/since-node-22.ts'
import { Lane } from '../../../core/turns.ts'
import { DescribeTransactions } from '../../wire/messages/describe-transactions.ts'
import type { Context } from '../context.ts'
import { codeOf, NONE } from '../error-code.ts'
import { toGroupError } from '../groups/codes.ts'
import { handler } from '../handler.ts'

const LOOKS_PARALLEL = 32
const NO_TIME = -1

export const describeTransactions = handler(DescribeTransactions, [0, 0], async (request, context) => {
  const lane = new Lane(LOOKS_PARALLEL)
  const transactionStates = await Promise.all(
    request.transactionalIds.map(transactionalId => lane.run(() => describe(transactionalId, context))),
  )
  return { transactionStates }
})

async function describe(transactionalId: string, { broker }: Context) {
  if (transactionalId === '') return { transactionalId, errorCode: codeOf('INVALID_REQUEST') }
  try {
    return asDescribed(await broker.describeTransaction(transactionalId))
  } catch (error) {
    return { transactionalId, errorCode: toGroupError(error).errorCode }
  }
}

function asDescribed(description: TransactionDescription) {
  const { transactionalId, state, timeoutMs, startedMs, producerId, epoch, partitions } = description
  return {
    errorCode: NONE,
    transactionalId,
    transactionState: state,
    transactionTimeoutMs: timeoutMs,
    transactionStartTimeMs: startedMs ?? NO_TIME,
    producerId: Number(producerId),
    producerEpoch: epoch,
    topics: [...groupBy(partitions, ({ topic }) => topic)].map(([topic, all]) => ({
      topic,
      partitions: all.map(({ partition }) => partition).sort((one, other) => one - other),
    })),
  }
}
