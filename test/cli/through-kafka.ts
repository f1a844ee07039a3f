import { execFileSync } from 'node:child_process'
import kafkajs from 'kafkajs'

/** Writes values with one of Kafka's clients, and reads them back as a member of a group; sorted, since partitions are not in order. */
export async function throughKafka(bootstrap: string, topic: string, values: readonly string[]) {
  const kafka = new kafkajs.Kafka({
    clientId: 'through-kafka',
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const producer = kafka.producer({ allowAutoTopicCreation: true })
  await producer.connect()
  await producer.send({ topic, messages: values.map(value => ({ key: value, value })) })
  await producer.disconnect()
  const consumer = kafka.consumer({ groupId: `readers-of-${topic}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const read: string[] = []
  await new Promise<void>((resolve, reject) => {
    consumer.on('consumer.crash', ({ payload }) => reject(payload.error))
    const eachMessage = async ({ message }: { message: { value: Buffer | null } }) => {
      read.push(message.value!.toString())
      if (read.length === values.length) resolve()
    }
    consumer.run({ eachMessage }).catch(reject)
  })
  await consumer.disconnect()
  return read.sort()
}

/** The same by kcat, without a group; undefined, and a word about it, where this machine has none. */
export function throughKcat(
  bootstrap: string,
  topic: string,
  values: readonly string[],
): string[] | undefined {
  const kcat = (words: string[], input = '') =>
    execFileSync('kcat', ['-b', bootstrap, '-t', topic, ...words], { input, timeout: 60_000 }).toString()
  try {
    kcat(['-P'], values.join('\n'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    console.warn(`there is no kcat here: nothing was written to ${topic} by it`)
    return undefined
  }
  return kcat(['-C', '-e', '-q']).trimEnd().split('\n').sort()
}
