import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from 'vitest'
import { DescribeTransactions } from '../../src/gateway/wire/messages/describe-transactions.ts'
import { WireClient } from '../kafka/wire-client.ts'
import { type Broker, startBroker } from './broker.ts'
import { ClientError, type KafkaClient } from './client.ts'
import { CLIENTS } from './clients.ts'
import { COMMANDS } from './installed.ts'
import { Processors } from './transactions/processors.ts'
import { type ReadValue, type TransactionalProducer, TransactionalProgram } from './transactions/program.ts'

const PARTITIONS = 2
const WAIT = { timeout: 60_000, interval: 50 }
/** As clients say that another producer has taken their place. */
const FENCED = [47, 90]
const isApache = process.env.KAFKA_BROKER !== undefined

/** What each client tells of the offsets of two records, one after the other, that are not known yet. */
const OFFSETS_TOLD = {
  javaTransactions: [-1, -1],
  // Counts on from what it was told.
  confluentTransactions: [null, 0],
  kafkajsTransactions: [-1, -1],
  franzTransactions: [-1, -1],
} as const

let broker: Broker
let helper: KafkaClient
let reader: TransactionalProgram | undefined
const programs = new Map<string, TransactionalProgram>()
const missing = new Map<string, string>()

beforeAll(async () => {
  broker = await startBroker()
  helper = await CLIENTS.kafkajs!(broker.bootstrap)
  for (const name of Object.keys(OFFSETS_TOLD) as (keyof typeof OFFSETS_TOLD)[]) {
    try {
      const program = await TransactionalProgram.start(name, await COMMANDS[name](), broker.bootstrap)
      programs.set(name, program)
      console.log(`${name} ${await program.version()}`)
    } catch (error) {
      if (process.env.CI) throw error
      missing.set(name, (error as Error).message)
      console.error(`\n!!!!! ${name} ARE SKIPPED, NOT TESTED: ${missing.get(name)}\n`)
    }
  }
  reader = programs.get('confluentTransactions')
}, 600_000)

afterAll(async () => {
  await Promise.all([...programs.values()].map(program => program.end()))
  await helper?.close()
  await broker?.stop()
})

async function topicOf(): Promise<string> {
  const topic = `transactions-${randomUUID()}`
  await helper.admin.createTopic(topic, PARTITIONS, {})
  await vi.waitUntil(async () => (await helper.offsetAt(topic, 0, 'latest').catch(() => -1)) === 0, WAIT)
  return topic
}

/** What there is to read, once so many are there: and whether there are more. */
async function read(topic: string, count: number): Promise<ReadValue[]> {
  await reader!.assign(topic, PARTITIONS)
  const all: ReadValue[] = []
  await vi.waitUntil(async () => {
    all.push(...(await reader!.poll(500)))
    return all.length >= count
  }, WAIT)
  return [...all, ...(await reader!.poll(500))]
}

const valuesIn = (read: readonly ReadValue[], partition: number) =>
  read.filter(one => one.partition === partition).map(({ value }) => value)

describe.each(Object.keys(OFFSETS_TOLD) as (keyof typeof OFFSETS_TOLD)[])('%s', name => {
  const needs = ({ skip }: TestContext) => {
    const why = missing.get(name) ?? missing.get('confluentTransactions')
    if (why !== undefined) skip(`NOT TESTED: ${why}`)
    return programs.get(name)!
  }
  const idOf = () => `${name}-${randomUUID()}`
  const opened = (program: TransactionalProgram, id = idOf(), timeoutMs = 60_000) =>
    program.open(id, timeoutMs)

  test('are read when they are committed, in all partitions, and never when they are aborted', async context => {
    const program = needs(context)
    const topic = await topicOf()
    const producer = await opened(program)
    await producer.begin()
    const told = await producer.send(topic, [
      [0, 'a'],
      [0, 'b'],
      [1, 'c'],
    ])
    if (!isApache) expect(told.slice(0, 2)).toEqual(OFFSETS_TOLD[name])
    await producer.commit()
    await producer.begin()
    await producer.send(topic, [
      [0, 'never'],
      [1, 'never'],
    ])
    await producer.abort()
    await producer.begin()
    await producer.send(topic, [[0, 'd']])
    await producer.send(topic, [[0, 'e']])
    await producer.commit()
    const found = await read(topic, 5)
    expect([valuesIn(found, 0), valuesIn(found, 1)]).toEqual([['a', 'b', 'd', 'e'], ['c']])
  })

  test('of a producer that another has replaced are never read', async context => {
    const program = needs(context)
    const topic = await topicOf()
    const id = idOf()
    const first = await opened(program, id)
    await first.begin()
    await first.send(topic, [[0, 'never']])
    const second = await opened(program, id)
    await expect(isFenced(first, topic)).resolves.toBe(true)
    await second.begin()
    await second.send(topic, [[0, 'a']])
    await second.commit()
    expect(valuesIn(await read(topic, 1), 0)).toEqual(['a'])
  })

  test('that take too long are aborted', async context => {
    const program = needs(context)
    const topic = await topicOf()
    const id = idOf()
    const producer = await opened(program, id, 1_000)
    await producer.begin()
    await producer.send(topic, [[0, 'never']])
    // Empty, where another epoch has begun with it.
    await vi.waitUntil(async () => ['CompleteAbort', 'Empty'].includes((await stateOf(id)) ?? ''), WAIT)
    await expect(producer.commit()).rejects.toBeInstanceOf(ClientError)
    const next = await opened(program)
    await next.begin()
    await next.send(topic, [[0, 'a']])
    await next.commit()
    expect(valuesIn(await read(topic, 1), 0)).toEqual(['a'])
  })

  test('commit a group’s offsets, or do not', async context => {
    const program = needs(context)
    const topic = await topicOf()
    const group = `group-${randomUUID()}`
    const producer = await opened(program)
    if (name === 'franzTransactions') context.skip('it commits only what its own member has read')
    const committed = async () => (await helper.admin.committed(group, topic, PARTITIONS))[1]
    await producer.begin()
    await producer.send(topic, [[0, 'a']])
    await producer.sendOffset(group, topic, 1, 7)
    await producer.commit()
    await vi.waitUntil(async () => (await committed()) === 7, WAIT)
    await producer.begin()
    await producer.sendOffset(group, topic, 1, 99)
    await producer.abort()
    await vi.waitUntil(async () => (await committed()) === 7, WAIT)
    expect(valuesIn(await read(topic, 1), 0)).toEqual(['a'])
  })
})

async function stateOf(transactionalId: string): Promise<string | undefined> {
  const [host = '', port = ''] = broker.bootstrap.split(':')
  const client = await WireClient.connect(host, Number(port))
  const answer = await client.ask(DescribeTransactions, 0, { transactionalIds: [transactionalId] })
  client.close()
  return answer?.transactionStates[0]?.transactionState
}

/** Whether it is told so when it goes on. librdkafka says it in words of its own. */
async function isFenced(producer: TransactionalProducer, topic: string): Promise<boolean> {
  const told: ClientError[] = []
  const note = (error: ClientError) => void told.push(error)
  await producer.send(topic, [[0, 'never either']]).catch(note)
  await producer.commit().catch(note)
  return told.some(({ code, message }) => FENCED.includes(code ?? 0) || /fenced/i.test(message))
}

test.each([
  ['javaTransactions', 'classic'],
  ['javaTransactions', 'consumer'],
  ['confluentTransactions', 'classic'],
] as const)('what %s read in a group, they write once, by the %s protocol', async (name, protocol) => {
  const why = missing.get(name) ?? missing.get('confluentTransactions')
  if (why !== undefined) return console.error(`NOT TESTED: ${why}`)
  const [from, to] = [await topicOf(), await topicOf()]
  const values = Array.from({ length: 400 }, (_, number) => String(number))
  const producer = await reader!.open(`writes-${randomUUID()}`, 60_000)
  const processors = new Processors(await COMMANDS[name](), broker.bootstrap, {
    group: `group-${randomUUID()}`,
    from,
    to,
    protocol,
    each: 10,
  })
  try {
    await processors.start('first')
    await processors.start('second')
    for (const half of [values.slice(0, 200), values.slice(200)]) {
      await producer.begin()
      await producer.send(
        from,
        half.map((value, nth) => [nth % PARTITIONS, value]),
      )
      await producer.commit()
      await vi.waitUntil(() => processors.processed > 0, WAIT)
      // With the other protocol it takes 45 seconds until the group knows.
      if (half[0] === '0' && protocol === 'classic') await processors.kill('first')
    }
    const found = await read(to, values.length)
    const numbers = found.map(({ value }) => Number(value))
    expect(numbers.toSorted((one, other) => one - other)).toEqual(values.map(Number))
  } finally {
    await processors.end()
  }
})
