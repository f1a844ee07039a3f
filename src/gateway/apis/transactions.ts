import { DescribeTransactions } from '../wire/messages/describe-transactions.ts'
import { ListTransactions } from '../wire/messages/list-transactions.ts'
import { codeOf, NONE } from './error-code.ts'
import { handler } from './handler.ts'

/** There are none. */
export const describeTransactions = handler(DescribeTransactions, [0, 0], async ({ transactionalIds }) => ({
  transactionStates: transactionalIds.map(transactionalId => ({
    errorCode: codeOf('TRANSACTIONAL_ID_NOT_FOUND'),
    transactionalId,
  })),
}))

export const listTransactions = handler(ListTransactions, [0, 2], async () => ({
  errorCode: NONE,
  transactionStates: [],
}))
