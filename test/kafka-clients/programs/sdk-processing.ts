/** Read-process-write with the SDK, over a store that this process opens itself: its place is the last argument. */
import { openEmbedded } from '../../../src/embedded/embedded.ts'
import { Tidemark } from '../../../src/index.ts'
import { serve, tell } from './lines.ts'

interface Request {
  readonly group: string
  readonly id: string
  readonly from: string
  readonly to: string
  readonly timeoutMs: number
}

const { broker, close } = await openEmbedded({ directory: process.argv.at(-1)!, access: 'write' })
const tidemark = new Tidemark({ broker })

async function run({ group, id, from, to, timeoutMs = 10_000 }: Request): Promise<void> {
  const producer = tidemark.producer({ transactionalId: id, transactionTimeout: timeoutMs })
  const consumer = tidemark.consumer({ groupId: group, sessionTimeout: 6_000 })
  await consumer.connect()
  await consumer.subscribe({ topics: [from], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch: { partition, messages } }) => {
      try {
        const transaction = await producer.transaction()
        await transaction.send({
          topic: to,
          messages: messages.map(({ value }) => ({ partition, value })),
        })
        const offset = String(BigInt(messages.at(-1)!.offset) + 1n)
        await transaction.sendOffsets({
          consumer,
          topics: [{ topic: from, partitions: [{ partition, offset }] }],
        })
        await transaction.commit()
        tell({ processed: messages.length })
      } catch (error) {
        // Perhaps it is committed all the same: whoever begins anew goes on from what is.
        console.error(error)
        process.exit(3)
      }
    },
  })
}

const ANSWERS = {
  process: async (request: Request) => {
    run(request).catch(error => {
      console.error(error)
      process.exit(3)
    })
  },
} satisfies Record<string, (request: never) => Promise<unknown>>

await serve(ANSWERS, () => null, close)
