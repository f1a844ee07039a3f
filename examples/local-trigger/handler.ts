/**
 * A Lambda handler that is developed on a laptop:
 *
 *   npx tidemark dev --on orders=examples/local-trigger/handler.ts,bisect,retries=2,on-failure=tidemark://orders-failed
 *   printf '{"amount":3}\n{"amout":4}\n{"amount":5}\n' | npx tidemark produce orders
 *
 * Edit and save it meanwhile: the next batch gets what it is by then. An order counts again when its batch is repeated,
 * as when it is halved: handlers have to bear that, and this one does not.
 */
import type { KafkaEvent } from '../../src/index.ts'

let total = 0

export async function handler(event: KafkaEvent): Promise<void> {
  for (const { partition, offset, value } of Object.values(event.records).flat()) {
    const { amount } = JSON.parse(Buffer.from(value ?? '', 'base64').toString())
    if (typeof amount !== 'number') throw new TypeError(`no amount at ${partition}@${offset}`)
    total += amount
    console.log('an order of', amount, 'makes', total)
  }
}
