import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, type TestContext, test, vi } from 'vitest'
import { type Broker, startBroker } from './broker.ts'
import type { Ability, KafkaClient, Member } from './client.ts'
import { CLIENTS } from './clients.ts'
import { found, largeRecord, oddRecords, timedRecords, wanted } from './records.ts'

const GROUP_PARTITIONS = 6
/** Against a hang. */
const GROUP_MS_MAX = 90_000
const WAIT = { timeout: 20_000, interval: 50 }

/** What a client can do, done with it: whatever it sent comes back as it was, groups share, topics change. */
export function clientSuite(name: string): void {
  let broker: Broker
  let client: KafkaClient
  /** Makes topics for clients that make none, and records with times for those that set none. */
  let helper: KafkaClient
  let missing: string | undefined

  beforeAll(async () => {
    broker = await startBroker()
    helper = await CLIENTS.kafkajs!(broker.bootstrap)
    try {
      client = await CLIENTS[name]!(broker.bootstrap)
      console.log(`${name} ${await client.version()}`)
    } catch (error) {
      if (process.env.CI) throw error
      missing = (error as Error).message
      console.error(`\n!!!!! KAFKA'S CLIENT ${name} IS SKIPPED, NOT TESTED: ${missing}\n`)
    }
  }, 600_000)

  afterAll(async () => {
    await client?.close()
    await helper?.close()
    await broker?.stop()
  })

  function needs({ skip }: TestContext, ...abilities: Ability[]): void {
    if (missing !== undefined) skip(`NOT TESTED: ${missing}`)
    const lacking = abilities.filter(ability => !client.abilities.has(ability))
    if (lacking.length > 0) skip(`${name} has no ${lacking.join(', ')}`)
  }

  async function topicOf(partitions = 1, configs: Record<string, string> = {}): Promise<string> {
    const topic = `${name.replaceAll(/\W/g, '-')}-${randomUUID()}`
    await helper.admin.createTopic(topic, partitions, configs)
    // A topic that was made a moment ago is not known to every request at once.
    await vi.waitUntil(async () => (await helper.offsetAt(topic, 0, 'latest').catch(() => -1)) === 0, WAIT)
    return topic
  }

  describe.concurrent(name, () => {
    test('gets back what it sent, byte for byte, in every codec', async context => {
      const { expect } = context
      needs(context)
      const topic = await topicOf()
      const sent = oddRecords().filter(
        ({ headers }) => client.abilities.has('null-headers') || headers.every(([, value]) => value !== null),
      )
      for (const [index, codec] of client.codecs.entries()) {
        const offsets = await client.produce(topic, sent, { codec })
        const expected = sent.map((_, nth) => index * sent.length + nth)
        expect([codec, offsets.map((told, nth) => told ?? expected[nth])]).toEqual([codec, expected])
      }
      const all = client.codecs.flatMap(() => sent)
      const read = await client.read(topic, 0, 'earliest', all.length)
      expect(found(read, client, client)).toEqual(wanted(all, client, client))
    })

    test('gets back a record of a megabyte', async context => {
      const { expect } = context
      needs(context)
      const topic = await topicOf()
      const sent = [largeRecord()]
      await client.produce(topic, sent)
      await client.produce(topic, sent, { codec: client.codecs.at(-1)! })
      const read = await client.read(topic, 0, 'earliest', 2)
      expect(read.map(({ value }) => value!.equals(sent[0]!.value!))).toEqual([true, true])
    })

    test.for([0, 1] as const)('sends with acks=%i', async (acks, context) => {
      const { expect } = context
      needs(context, ...(acks === 0 ? (['acks-0'] as const) : []))
      const topic = await topicOf()
      await client.produce(topic, timedRecords(10), { acks })
      await expect.poll(() => client.offsetAt(topic, 0, 'latest'), WAIT).toBe(10)
    })

    test('reads from any offset and any time', async context => {
      const { expect } = context
      needs(context, 'offset-by-time')
      const topic = await topicOf(2)
      const sent = timedRecords(60, 1)
      const writer = client.abilities.has('own-times') ? client : helper
      // In batches of which some are compressed: a time lies within one.
      for (const [index, codec] of (['none', 'gzip', 'none'] as const).entries()) {
        await writer.produce(topic, sent.slice(index * 20, index * 20 + 20), { codec })
      }
      const timeMs = sent[33]!.timestampMs
      const places = [
        ['earliest', 0],
        ['latest', 60],
        [{ timeMs }, 33],
        [{ timeMs: timeMs - 1 }, 33],
        [{ timeMs: timeMs + 1 }, 34],
        [{ timeMs: 0 }, 0],
        [{ timeMs: sent[59]!.timestampMs + 1 }, null],
      ] as const
      for (const [at, offset] of places) {
        expect([at, await client.offsetAt(topic, 1, at)]).toEqual([at, offset])
      }
      for (const from of [{ offset: 33 }, { timeMs }]) {
        const read = await client.read(topic, 1, from, 60)
        expect(found(read, writer, client)).toEqual(wanted(sent.slice(33), writer, client, 33))
      }
    })

    test('sends as an idempotent producer, in order', async context => {
      const { expect } = context
      needs(context, 'idempotence')
      const topic = await topicOf(2)
      const sent = [...timedRecords(300, 0), ...timedRecords(300, 1)]
      await client.produce(topic, sent, { idempotent: true, codec: 'lz4' })
      for (const partition of [0, 1]) {
        const read = await client.read(topic, partition, 'earliest', 300)
        expect(read.map(({ value }) => value!.toString())).toEqual(
          timedRecords(300).map(({ value }) => value!.toString()),
        )
      }
    })

    test('is told that a record is too large', async context => {
      const { expect } = context
      needs(context)
      const topic = await topicOf(1, { 'max.message.bytes': '1000' })
      const [record] = timedRecords(1) as [ReturnType<typeof timedRecords>[0]]
      const refused = client.produce(topic, [{ ...record, value: Buffer.alloc(2_000, 'x') }])
      const error = await refused.then(
        () => undefined,
        error => error,
      )
      expect([error?.code ?? 10, error?.message]).toEqual([
        10,
        expect.stringMatching(/too.?large|larger than/i),
      ])
      await client.produce(topic, [record])
      expect(await client.offsetAt(topic, 0, 'latest')).toBe(1)
    })

    test('makes, changes and deletes topics', async context => {
      const { expect } = context
      needs(context, 'topics', 'configs', 'partitions', 'delete-records')
      const { admin } = client
      const topic = `admin-${randomUUID()}`
      await admin.createTopic(topic, 2, { 'retention.ms': '1234567' })
      await expect.poll(() => admin.partitionsOf(topic), WAIT).toBe(2)
      await expect(admin.createTopic(topic, 2, {})).rejects.toMatchObject({ code: 36 })
      await expect(admin.createTopic('not a name', 1, {})).rejects.toMatchObject({ code: 17 })
      expect(await admin.configOf(topic, 'retention.ms')).toBe('1234567')
      await admin.setConfig(topic, 'retention.ms', '7654321')
      await expect.poll(() => admin.configOf(topic, 'retention.ms'), WAIT).toBe('7654321')
      await admin.setConfig(topic, 'retention.ms', null)
      await expect.poll(() => admin.configOf(topic, 'retention.ms'), WAIT).toBe('604800000')
      await expect(admin.setConfig(topic, 'retention.ms', 'much')).rejects.toMatchObject({ code: 40 })
      await admin.addPartitions(topic, 5)
      await expect.poll(() => admin.partitionsOf(topic), WAIT).toBe(5)
      await expect(admin.addPartitions(topic, 4)).rejects.toMatchObject({ code: 37 })
      await client.produce(topic, timedRecords(10, 4))
      await admin.deleteRecords(topic, 4, 7)
      expect(await client.offsetAt(topic, 4, 'earliest')).toBe(7)
      await admin.deleteTopic(topic)
      await expect.poll(() => admin.partitionsOf(topic).catch(({ code }) => code), WAIT).toBe(3)
      await expect(admin.deleteTopic(topic)).rejects.toMatchObject({ code: 3 })
    })

    test.for(['classic', 'consumer'] as const)(
      'shares a topic in a group of the %s protocol, also after a member was killed',
      { timeout: GROUP_MS_MAX },
      async (protocol, context) => {
        const { expect } = context
        needs(context, protocol === 'classic' ? 'classic' : 'consumer-protocol')
        const topic = await topicOf(GROUP_PARTITIONS)
        const group = `group-${topic}`
        const sent: string[] = []
        const members: Member[] = []
        const send = async (name: string) => {
          const values = Array.from({ length: 60 }, (_, index) => `${name}-${index}`)
          const [one] = timedRecords(1) as [ReturnType<typeof timedRecords>[0]]
          const records = values.map((value, index) => ({
            ...one,
            partition: index % GROUP_PARTITIONS,
            value: Buffer.from(value),
          }))
          await helper.produce(topic, records)
          sent.push(...values)
        }
        const held = () => members.map(({ partitions }) => partitions.length)
        const all = () =>
          members.flatMap(({ partitions }) => partitions).toSorted((one, other) => one - other)
        const read = () => [...new Set(members.flatMap(({ values }) => values))].toSorted()
        const whole = { timeout: GROUP_MS_MAX / 2 }
        try {
          await send('first')
          members.push(await client.join(group, topic, protocol))
          await expect.poll(read, whole).toEqual(sent.toSorted())
          members.push(await client.join(group, topic, protocol))
          await expect.poll(held, whole).toEqual([3, 3])
          expect(all()).toEqual([0, 1, 2, 3, 4, 5])
          await send('shared')
          await expect.poll(read, whole).toEqual(sent.toSorted())
          // A session of the consumer protocol is the broker's, and long.
          await (protocol === 'classic' ? members[1]!.kill() : members[1]!.leave())
          await expect.poll(held, whole).toEqual([6, 0])
          await send('taken over')
          await expect.poll(read, whole).toEqual(sent.toSorted())
          const committed = () => helper.admin.committed(group, topic, GROUP_PARTITIONS)
          await expect.poll(committed, whole).toEqual(Array.from({ length: GROUP_PARTITIONS }, () => 30))
        } finally {
          await Promise.all(members.map(member => member.leave()))
        }
        if (!client.abilities.has('groups')) return
        const { admin } = client
        await expect.poll(() => admin.groupState(group), WAIT).toBe('Empty')
        expect(await admin.committed(group, topic, GROUP_PARTITIONS)).toEqual([30, 30, 30, 30, 30, 30])
        expect(await admin.listGroups()).toContain(group)
        await admin.deleteGroup(group)
        expect(await admin.listGroups()).not.toContain(group)
      },
    )
  })
}
