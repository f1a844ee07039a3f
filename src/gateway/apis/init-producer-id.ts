import { InitProducerId } from '../wire/messages/init-producer-id.ts'
import { codeOf, NONE } from './error-code.ts'
import { handler } from './handler.ts'

/** Whole in a double, as which all int64 of the protocol are read here. */
const PRODUCER_ID_BITS = 53n

/**
 * An id by chance, as the SDK's producers draw it, with an epoch of its own: so nothing has to be counted or kept. What a client
 * says of an earlier id means nothing without a transactional one; some send 0.
 *
 * There are no transactions. Whoever asks for them is told that he may not use them, since clients give up after that, and try
 * again after most other errors.
 */
export const initProducerId = handler(InitProducerId, [0, 5], async ({ transactionalId }) => {
  if (transactionalId === null) return { errorCode: NONE, producerId: drawProducerId(), producerEpoch: 0 }
  const name = transactionalId === '' ? 'INVALID_REQUEST' : 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
  return { errorCode: codeOf(name) }
})

function drawProducerId(): number {
  const [drawn] = globalThis.crypto.getRandomValues(new BigUint64Array(1))
  return Number(BigInt.asUintN(Number(PRODUCER_ID_BITS), drawn ?? 0n))
}
