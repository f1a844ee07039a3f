import type { SelfManagedKafkaEvent } from 'aws-lambda'

/**
 * A handler as one writes it for Lambda's own event source for Kafka, and it runs behind either. An event has records
 * of one partition, in their order. Where it throws, the batch comes again: whatever it does should bear repetition.
 */
export async function handler(event: SelfManagedKafkaEvent): Promise<void> {
  for (const records of Object.values(event.records)) {
    for (const { topic, partition, offset, key, value } of records) {
      const order = JSON.parse(Buffer.from(value, 'base64').toString())
      if (typeof order.amount !== 'number')
        throw new Error(`The order at ${topic}-${partition}@${offset} has no amount.`)
      console.log(
        JSON.stringify({
          topic,
          partition,
          offset,
          order,
          customer: key && Buffer.from(key, 'base64').toString(),
        }),
      )
    }
  }
}
