import type { SelfManagedKafkaEvent } from 'aws-lambda'

/** Gets each order that was placed, once it was, and those of one customer in their order. */
export async function handler(event: SelfManagedKafkaEvent): Promise<void> {
  for (const records of Object.values(event.records)) {
    for (const { value } of records) {
      const { id, customer, amount } = JSON.parse(Buffer.from(value, 'base64').toString())
      console.log(`SHIPS ${JSON.stringify({ id, customer, amount })}`)
    }
  }
}
