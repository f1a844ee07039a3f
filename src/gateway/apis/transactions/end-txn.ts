import { EndTxn } from '../../wire/messages/end-txn.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { transactionCode } from './codes.ts'
import { nameOf } from './name-of.ts'

/** From version 5 on every transaction has an epoch of its own: it goes with a feature that is not advertised. */
export const endTxn = handler(EndTxn, [0, 4], async (request, { broker, version }) => {
  try {
    await broker.endTransaction({ ...nameOf(request), commit: request.committed })
    return { errorCode: NONE }
  } catch (error) {
    return { errorCode: transactionCode(error, version) }
  }
})
