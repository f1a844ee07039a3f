import { afterEach, beforeEach, expect, test } from 'vitest'
import { consumeGroup } from '../../src/cli/commands/consume-group.ts'
import { deleteGroups, describeGroup, listGroups } from '../../src/cli/commands/group.ts'
import { offsets } from '../../src/cli/commands/offsets.ts'
import { type ResetGroupSettings, resetGroup } from '../../src/cli/commands/reset-group.ts'
import { describeTopic } from '../../src/cli/commands/topic.ts'
import type { GroupBroker } from '../../src/contract/groups.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { type Embedded, openInMemory } from '../../src/embedded/embedded.ts'
import { fakeTerminal } from './fake-terminal.ts'

let embedded: Embedded
let broker: Embedded['broker']

beforeEach(async () => {
  embedded = openInMemory()
  broker = embedded.broker
  await broker.createTopic({ topic: 'tides', partitions: 3 })
  for (const partition of [0, 1, 2]) await produce(partition, 10)
})

afterEach(() => embedded.close())

async function produce(partition: number, records: number, topic = 'tides'): Promise<void> {
  const values = Array.from({ length: records }, (_, index) => ({
    value: Buffer.from(String(index)),
    timestampMs: 1_000 * (index + 1),
  }))
  await broker.produce({ topic, partition, batches: encodeBatch(values) })
}

function startConsumer(groupId: string, settings: { exitAtEnd?: boolean; recordsMax?: number } = {}) {
  const terminal = fakeTerminal()
  const done = consumeGroup(
    broker,
    {
      groupId,
      topics: ['tides'],
      topicPattern: null,
      instanceId: null,
      assignor: null,
      sessionTimeoutMs: 45_000,
      from: 'earliest',
      recordsMax: settings.recordsMax ?? null,
      exitAtEnd: settings.exitAtEnd ?? false,
      format: ({ partition, record }) => [Buffer.from(`${partition}:${record.offset}\n`)],
    },
    terminal,
  )
  const lines = () => terminal.printed().toString().split('\n').slice(0, -1)
  return { terminal, done, lines }
}

async function reset(settings: Partial<ResetGroupSettings>) {
  const terminal = fakeTerminal()
  const all = {
    groupId: 'harbour',
    topics: [],
    to: 'earliest' as const,
    dryRun: false,
    json: true,
    ...settings,
  }
  const exitCode = await resetGroup(broker, all, terminal)
  const printed = terminal.printed().toString()
  return { exitCode, printed, moves: all.json ? JSON.parse(printed) : [], noted: terminal.noted() }
}

/** By partition. */
async function committed(groupId = 'harbour') {
  const all = await broker.fetchOffsets({ groupId })
  return Object.fromEntries(all.map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]))
}

async function printedBy(command: (terminal: ReturnType<typeof fakeTerminal>) => Promise<number>) {
  const terminal = fakeTerminal()
  const exitCode = await command(terminal)
  return { exitCode, printed: terminal.printed().toString(), noted: terminal.noted() }
}

test('a group reads everything once, and goes on where it was', async () => {
  const first = startConsumer('harbour', { exitAtEnd: true })
  expect(await first.done).toBe(0)
  expect(first.lines()).toHaveLength(30)
  expect(await committed()).toEqual({ 'tides:0': 10, 'tides:1': 10, 'tides:2': 10 })
  await produce(1, 2)
  const second = startConsumer('harbour', { exitAtEnd: true })
  expect(await second.done).toBe(0)
  expect(second.lines()).toHaveLength(2)
})

test('two members share the partitions, and one that leaves hands its own over', async () => {
  const first = startConsumer('harbour')
  await expect.poll(first.lines, { timeout: 30_000 }).toHaveLength(30)
  const second = startConsumer('harbour')
  await expect
    .poll(
      async () =>
        (await broker.describeGroup('harbour')).memberList.map(member => member.owned.length).toSorted(),
      {
        timeout: 30_000,
      },
    )
    .toEqual([1, 2])
  first.terminal.interrupt()
  expect(await first.done).toBe(0)
  await expect
    .poll(async () => (await broker.describeGroup('harbour')).memberList.map(member => member.owned.length), {
      timeout: 30_000,
    })
    .toEqual([3])
  for (const partition of [0, 1, 2]) await produce(partition, 1)
  await expect.poll(second.lines, { timeout: 30_000 }).toHaveLength(3)
  second.terminal.interrupt()
  expect(await second.done).toBe(0)
})

test('groups are listed in a table or as JSON', async () => {
  const list = (json: boolean) => printedBy(terminal => listGroups(broker, { json }, terminal))
  expect(await list(false)).toMatchObject({ printed: '', noted: expect.stringContaining('no groups yet') })
  await startConsumer('harbour', { exitAtEnd: true }).done
  expect((await list(false)).printed).toMatch(
    /^GROUP +STATE +MEMBERS +PROTOCOL\nharbour +Empty +0 +consumer\n$/,
  )
  expect(JSON.parse((await list(true)).printed)).toEqual([{ groupId: 'harbour', state: 'Empty', members: 0 }])
})

test('a description tells who owns what, and how far that is', async () => {
  const consumer = startConsumer('harbour')
  await expect.poll(consumer.lines, { timeout: 30_000 }).toHaveLength(30)
  const describe = (json: boolean) =>
    printedBy(terminal => describeGroup(broker, 'harbour', { json, watch: false }, terminal))
  const text = (await describe(false)).printed
  expect(text).toMatch(
    /^Group: +harbour\nState: +\w+ \(epoch 1, cooperative-sticky\)\nMembers: +1\nLag: +30 records\n/,
  )
  expect(text).toMatch(/TOPIC +PARTITION +COMMITTED +END OFFSET +LAG +MEMBER +CLIENT\n/)
  expect(text).toMatch(/tides +1 +- +10 +10 +\S+ +tidemark-\d+@\S+\n/)
  expect(text).toMatch(
    /MEMBER +CLIENT +INSTANCE +SUBSCRIBED TO +OWNS +LEASE\n\S+ +\S+ +- +tides +tides 0-2 +\d+ s\n/,
  )
  expect(JSON.parse((await describe(true)).printed).partitions).toHaveLength(3)
  consumer.terminal.interrupt()
  await consumer.done
  expect((await describe(false)).printed).toMatch(/tides +1 +10 +10 +0 +- +-\n/)
})

test('a group that nobody knows cannot be described', async () => {
  const describe = describeGroup(broker, 'nobody', { json: false, watch: false }, fakeTerminal())
  await expect(describe).rejects.toMatchObject({ kafkaName: 'GROUP_ID_NOT_FOUND' })
})

test.each([
  [false, 'Group: '],
  [true, '{"groupId":"harbour"'],
])('a watch goes on until Ctrl-C (as JSON: %s)', async (json, beginning) => {
  await startConsumer('harbour', { exitAtEnd: true }).done
  const terminal = fakeTerminal()
  const done = describeGroup(broker, 'harbour', { json, watch: true }, terminal, 5)
  await expect.poll(() => terminal.printed().toString().split(beginning).length).toBeGreaterThan(3)
  terminal.interrupt()
  expect(await done).toBe(0)
})

test('a watch waits for a group that is not there yet, and for a broker that went away', async () => {
  const terminal = fakeTerminal()
  let isAway = false
  const away = new TidemarkError('NETWORK_EXCEPTION', 'Nobody is there.')
  const watched = {
    ...({} as GroupBroker),
    describeGroup: async (groupId: string) => {
      if (isAway) throw away
      return broker.describeGroup(groupId)
    },
  }
  const done = describeGroup(watched, 'harbour', { json: true, watch: true }, terminal, 5)
  const noted = () => terminal.noted().split('\n').slice(0, -1)
  await expect.poll(noted).toEqual(['there is no group harbour yet: waiting for it'])
  await startConsumer('harbour', { exitAtEnd: true }).done
  await expect.poll(() => terminal.printed().toString()).toContain('"groupId":"harbour"')
  isAway = true
  await expect.poll(noted).toContain('NETWORK_EXCEPTION: Nobody is there. Trying again.')
  isAway = false
  const length = terminal.printed().length
  await expect.poll(() => terminal.printed().length).toBeGreaterThan(length)
  terminal.interrupt()
  expect(await done).toBe(0)
  expect(noted()).toHaveLength(2)
  // One that was never there is another matter.
  isAway = true
  const wrong = describeGroup(watched, 'harbour', { json: true, watch: true }, fakeTerminal(), 5)
  await expect(wrong).rejects.toBe(away)
})

test('where somebody is looking, a watch draws over what it drew', async () => {
  await startConsumer('harbour', { exitAtEnd: true }).done
  const terminal = fakeTerminal()
  Object.assign(terminal.output, { isTTY: true })
  const done = describeGroup(broker, 'harbour', { json: false, watch: true }, terminal, 5)
  await expect
    .poll(() => terminal.printed().toString().split('\x1b[H\x1b[JGroup: ').length)
    .toBeGreaterThan(2)
  terminal.interrupt()
  await done
})

test('groups without members are deleted, and one that cannot be does not keep the others', async () => {
  for (const groupId of ['harbour', 'pier']) await startConsumer(groupId, { exitAtEnd: true }).done
  const consumer = startConsumer('busy')
  await expect.poll(consumer.lines, { timeout: 30_000 }).toHaveLength(30)
  const deleted = await printedBy(terminal =>
    deleteGroups(broker, ['harbour', 'busy', 'nobody', 'pier'], terminal),
  )
  expect(deleted.exitCode).toBe(1)
  expect(deleted.noted).toContain('deleted group harbour')
  expect(deleted.noted).toContain('NON_EMPTY_GROUP')
  expect(deleted.noted).toContain('GROUP_ID_NOT_FOUND')
  expect((await broker.listGroups()).map(({ groupId }) => groupId)).toEqual(['busy'])
  consumer.terminal.interrupt()
  await consumer.done
})

test.each([
  ['earliest', 0],
  ['latest', 10],
  [{ offset: 4 }, 4],
  [{ fromEnd: 3 }, 7],
  [{ timestampMs: 5_500 }, 5],
] as const)('a reset to %j', async (to, offset) => {
  await startConsumer('harbour', { exitAtEnd: true }).done
  const { exitCode, moves } = await reset({ topics: [{ topic: 'tides', partition: 1 }], to })
  expect(exitCode).toBe(0)
  expect(moves).toEqual([{ topic: 'tides', partition: 1, committedOffset: 10, newOffset: offset }])
  expect(await committed()).toEqual({ 'tides:0': 10, 'tides:1': offset, 'tides:2': 10 })
  const again = startConsumer('harbour', { exitAtEnd: true })
  await again.done
  expect(again.lines()).toEqual(Array.from({ length: 10 - offset }, (_, index) => `1:${offset + index}`))
})

test('a reset of whole topics, of all topics, and a dry one', async () => {
  await broker.createTopic({ topic: 'winds' })
  await startConsumer('harbour', { exitAtEnd: true }).done
  const dry = await reset({ topics: [{ topic: 'tides', partition: null }], dryRun: true, json: false })
  expect(dry.printed).toMatch(/TOPIC +PARTITION +COMMITTED +NEW OFFSET\ntides +0 +10 +0\n/)
  expect(dry.noted).toContain('nothing was changed')
  expect(await committed()).toEqual({ 'tides:0': 10, 'tides:1': 10, 'tides:2': 10 })
  await reset({ topics: [{ topic: 'tides', partition: null }], to: { offset: 2 } })
  expect(await committed()).toEqual({ 'tides:0': 2, 'tides:1': 2, 'tides:2': 2 })
  await reset({ to: { fromEnd: 1 } })
  expect(await committed()).toEqual({ 'tides:0': 9, 'tides:1': 9, 'tides:2': 9 })
})

test('a reset beyond the end stops at the end, and that is told', async () => {
  const { moves, noted } = await reset({ topics: [{ topic: 'tides', partition: 0 }], to: { offset: 99 } })
  expect(moves).toEqual([{ topic: 'tides', partition: 0, committedOffset: null, newOffset: 10 }])
  expect(noted).toContain('group harbour is new')
  expect(noted).toContain('offset 99 is beyond the end')
})

test('a reset by so many records, to the ends at most, and from nothing not at all', async () => {
  await startConsumer('harbour', { exitAtEnd: true }).done
  const back = await reset({ topics: [{ topic: 'tides', partition: 1 }], to: { shiftBy: -4 } })
  expect(back.moves).toEqual([{ topic: 'tides', partition: 1, committedOffset: 10, newOffset: 6 }])
  await reset({ topics: [{ topic: 'tides', partition: 1 }], to: { shiftBy: 1 } })
  expect(await committed()).toEqual({ 'tides:0': 10, 'tides:1': 7, 'tides:2': 10 })
  const { noted } = await reset({ to: { shiftBy: -8 } })
  expect(await committed()).toEqual({ 'tides:0': 2, 'tides:1': 0, 'tides:2': 2 })
  expect(noted).toContain('tides, partition 1: offset -1 is gone, starting at the first record, 0')
  const choice = { groupId: 'new', topics: [{ topic: 'tides', partition: 2 }], to: { shiftBy: 1 } }
  await expect(reset(choice)).rejects.toThrow('group new has committed nothing in tides, partition 2, that')
})

test('a reset is refused while there are members, and where there is no such partition', async () => {
  const consumer = startConsumer('harbour')
  await expect.poll(consumer.lines, { timeout: 30_000 }).toHaveLength(30)
  await expect(reset({ topics: [{ topic: 'tides', partition: 0 }] })).rejects.toThrow('has 1 member')
  consumer.terminal.interrupt()
  await consumer.done
  await expect(reset({ topics: [{ topic: 'tides', partition: 7 }] })).rejects.toThrow('numbered from 0')
  expect(await committed()).toEqual({ 'tides:0': 10, 'tides:1': 10, 'tides:2': 10 })
})

test('offsets tell what a group has committed', async () => {
  await reset({ topics: [{ topic: 'tides', partition: 1 }], to: { offset: 4 } })
  await broker.deleteRecords({ topic: 'tides', partition: 2, beforeOffset: 8 as never })
  const show = (json: boolean) =>
    printedBy(terminal => offsets(broker, { topic: 'tides', at: null, groupId: 'harbour', json }, terminal))
  const { printed } = await show(false)
  expect(printed).toMatch(/^PARTITION +START OFFSET +COMMITTED +END OFFSET +LAG\n/)
  expect(JSON.parse((await show(true)).printed)).toEqual([
    { partition: 0, startOffset: 0, committedOffset: null, endOffset: 10, lag: 10 },
    { partition: 1, startOffset: 0, committedOffset: 4, endOffset: 10, lag: 6 },
    { partition: 2, startOffset: 8, committedOffset: null, endOffset: 10, lag: 2 },
  ])
})

test('a topic tells which groups are behind', async () => {
  const describe = (json: boolean) =>
    printedBy(terminal => describeTopic(broker, 'tides', { json, groups: true }, terminal))
  expect((await describe(false)).printed).toContain('No group has committed anything here.')
  await broker.createTopic({ topic: 'winds' })
  await reset({ topics: [{ topic: 'tides', partition: null }], to: { offset: 4 } })
  await reset({ groupId: 'elsewhere', topics: [{ topic: 'winds', partition: null }] })
  expect((await describe(false)).printed).toMatch(/\nGROUP +STATE +MEMBERS +LAG\nharbour +Empty +0 +18\n$/)
  expect(JSON.parse((await describe(true)).printed).groups).toEqual([
    { groupId: 'harbour', state: 'Empty', members: 0, protocolType: '', lag: 18 },
  ])
})
