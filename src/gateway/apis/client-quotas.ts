import { AlterClientQuotas } from '../wire/messages/alter-client-quotas.ts'
import { DescribeClientQuotas } from '../wire/messages/describe-client-quotas.ts'
import { apiError, NONE } from './error-code.ts'
import { handler } from './handler.ts'

/** Nobody has any. */
export const describeClientQuotas = handler(DescribeClientQuotas, [0, 1], async () => ({
  errorCode: NONE,
  errorMessage: '',
  entries: [],
}))

export const alterClientQuotas = handler(AlterClientQuotas, [0, 1], async ({ entries }) => ({
  entries: entries.map(({ entity }) => ({
    ...apiError('INVALID_REQUEST', 'There are no quotas of clients here.'),
    entity,
  })),
}))
