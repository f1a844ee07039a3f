import { AddOffsetsToTxn } from '../../wire/messages/add-offsets-to-txn.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { transactionCode } from './codes.ts'
import { nameOf } from './name-of.ts'

/** Begins a transaction where there is none. Which group's offsets come is seen when they do. */
export const addOffsetsToTxn = handler(AddOffsetsToTxn, [0, 4], async (request, { broker, version }) => {
  try {
    await broker.addPartitions({ ...nameOf(request), partitions: [] })
    return { errorCode: NONE }
  } catch (error) {
    return { errorCode: transactionCode(error, version) }
  }
})
