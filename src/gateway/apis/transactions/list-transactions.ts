import { TRANSACTION_STATES } from '../../../contract/transactions.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { compilePattern } from '../../../core/group/subscribing/topic-pattern.ts'
import { ListTransactions } from '../../wire/messages/list-transactions.ts'
import { codeOf, NONE } from '../error-code.ts'
import { toGroupError } from '../groups/codes.ts'
import { handler } from '../handler.ts'

/** Those of Kafka, of which two never come about here. */
const STATES: readonly string[] = [...TRANSACTION_STATES, 'PrepareEpochFence', 'Dead']

export const listTransactions = handler(ListTransactions, [0, 2], async (request, { broker }) => {
  const { stateFilters, producerIdFilters, durationFilter } = request
  const known = stateFilters.filter(state => STATES.includes(state))
  const unknownStateFilters = stateFilters.filter(state => !STATES.includes(state))
  const isWanted = wantedBy(request.transactionalIdPattern)
  if (isWanted === undefined) {
    return {
      errorCode: codeOf('INVALID_REGULAR_EXPRESSION'),
      unknownStateFilters: [],
      transactionStates: [],
    }
  }
  try {
    // Of states that nobody knows there are none.
    const isNone = stateFilters.length > 0 && known.length === 0
    const found = isNone
      ? []
      : await broker.listTransactions({
          ...(known.length > 0 && { states: known }),
          ...(producerIdFilters.length > 0 && { producerIds: producerIdFilters.map(BigInt) }),
          ...(durationFilter >= 0 && { durationMsMin: durationFilter }),
        })
    return {
      errorCode: NONE,
      unknownStateFilters,
      transactionStates: found
        .filter(({ transactionalId }) => isWanted(transactionalId))
        .map(({ transactionalId, producerId, state }) => ({
          transactionalId,
          producerId: Number(producerId),
          transactionState: state,
        })),
    }
  } catch (error) {
    return { errorCode: toGroupError(error).errorCode, unknownStateFilters, transactionStates: [] }
  }
})

/** A test for transactional ids that match the pattern as a whole; all do where there is none. @returns undefined: it is none */
function wantedBy(pattern: string | null): ((transactionalId: string) => boolean) | undefined {
  if (pattern === null || pattern === '') return () => true
  try {
    return compilePattern(pattern)
  } catch (error) {
    if (error instanceof TidemarkError) return undefined
    throw error
  }
}
