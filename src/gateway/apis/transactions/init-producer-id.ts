import { TidemarkError } from '../../../core/errors.ts'
import type { RequestOf } from '../../wire/api.ts'
import { InitProducerId } from '../../wire/messages/init-producer-id.ts'
import type { Context } from '../context.ts'
import { codeOf, NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { INIT_FENCED_FROM, transactionCode } from './codes.ts'

/** Whole in a double, as which all int64 of the protocol are read here. */
const PRODUCER_ID_BITS = 53n
/** In place of a producer or an epoch. */
const NOBODY = -1

/**
 * Without a transactional id, a producer's id is drawn by chance, as the SDK's producers do, with an epoch of its own: so nothing
 * has to be counted or kept. What a client says of an earlier id means nothing then; some send 0.
 */
export const initProducerId = handler(InitProducerId, [0, 5], async (request, context) => {
  const { transactionalId } = request
  if (transactionalId === null) return { errorCode: NONE, producerId: drawProducerId(), producerEpoch: 0 }
  const saysProducer = request.producerId !== NOBODY
  if (transactionalId === '' || saysProducer !== (request.producerEpoch !== NOBODY)) {
    return { errorCode: codeOf('INVALID_REQUEST') }
  }
  try {
    return { errorCode: NONE, ...(await init(request, transactionalId, context)) }
  } catch (error) {
    return { errorCode: codeOfInit(error, context) }
  }
})

async function init(
  { producerId, producerEpoch, transactionTimeoutMs }: RequestOf<typeof InitProducerId>,
  transactionalId: string,
  { broker }: Context,
) {
  const { producerId: given, epoch } = await broker.initProducer({
    transactionalId,
    timeoutMs: transactionTimeoutMs,
    ...(producerId !== NOBODY && { producerId: BigInt(producerId), epoch: producerEpoch }),
  })
  return { producerId: Number(given), producerEpoch: epoch }
}

/** Whoever says that it is another's producer has been replaced. */
function codeOfInit(error: unknown, { version }: Context): number {
  const isOther = error instanceof TidemarkError && error.kafkaName === 'INVALID_PRODUCER_ID_MAPPING'
  const told = isOther ? new TidemarkError('PRODUCER_FENCED', '') : error
  return transactionCode(told, version, INIT_FENCED_FROM)
}

function drawProducerId(): number {
  const [drawn] = globalThis.crypto.getRandomValues(new BigUint64Array(1))
  return Number(BigInt.asUintN(Number(PRODUCER_ID_BITS), drawn ?? 0n))
}
