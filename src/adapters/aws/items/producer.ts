import {
  decodeRetired,
  encodeRetired,
  expiryMs,
  type FlushedProducer,
} from '../../../core/log/producers/flushed-producer.ts'
import { logKey, PRODUCER_ATTRIBUTES, producerKey } from '../../../core/storage-layout.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import { encoded, type Item, itemKey, number } from '../table/attributes.ts'
import { type Expression, words } from '../table/expression.ts'

const NAME = PRODUCER_ATTRIBUTES.encoded
const retired = encoded(encodeRetired, decodeRetired)

export function producerItemKey(partition: PartitionId, producerId: bigint): Item {
  return itemKey(logKey(partition), producerKey(producerId))
}

export function encodeProducerItem(
  partition: PartitionId,
  producerId: bigint,
  producer: FlushedProducer,
): Item {
  return {
    ...producerItemKey(partition, producerId),
    [NAME]: retired.write(producer),
    [PRODUCER_ATTRIBUTES.expirySeconds]: number(Math.ceil(expiryMs(producer) / 1_000)),
  }
}

/** @throws RangeError when the item is no producer of a version that is known */
export function decodeProducerItem(item: Item): FlushedProducer {
  return retired.read(item[NAME], NAME)
}

/** That a producer's item is as it was read: the condition on which {@link mergeRetired} of it may take its place. */
export function isStill(item: Item): Expression {
  return words`${NAME} = ${item[NAME]!}`
}
