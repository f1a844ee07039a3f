/**
 * A directory as it was before memory and local became one store: SQLite's rows and the objects' bytes, with what the
 * broker of then told of them. They were written once, by a program over that version's own broker with a clock that stands still:
 *
 * - a topic of two partitions with `flush.ms` of its own; a batch of producer 7 (sequences 0 and 1) and one of nobody in
 *   partition 0, one with two records in partition 1; partition 0 flushed
 * - 61 seconds later a batch of producer 8 (epoch 2), flushed, by which producer 7 leaves the head; then another of
 *   producer 8 and a compressed one, which stay inline
 * - the records before offset 1 deleted
 * - a group of two members, one of them static, that heartbeat until each owns its partition, and commit
 * - an offset that nobody's member commits, in a group of its own
 * - a trigger that begins at the latest record, with a filter
 *
 * Values that are JSON stand there as text, all others in hexadecimal digits.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { untilDeadline } from '../../../src/broker/settling/budget.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { maintain } from '../../../src/broker/settling/maintain.ts'
import { VerifySummary } from '../../../src/broker/verifying/finding.ts'
import { verify } from '../../../src/broker/verifying/verify.ts'
import type { Heartbeat } from '../../../src/contract/groups.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../../src/core/record/index.ts'
import { systemClock } from '../../../src/embedded/system.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { TINY } from '../../broker/settling/settling-harness.ts'
import golden from './golden/directory.json' with { type: 'json' }

const GROUP = 'workers/ß'
const START_MS = 1_750_000_000_000

let directory: string
let store: LocalStore
let ports: Ports
let broker: LogBroker
let nowMs: number

beforeEach(async () => {
  nowMs = golden.nowMs
  directory = await mkdtemp(join(tmpdir(), 'tidemark-older-'))
  await layOut()
  store = await openLocalStore(directory)
  const clock: Clock = {
    ...systemClock,
    nowMs: () => nowMs,
    monotonicMs: () => systemClock.monotonicMs() + nowMs - golden.nowMs,
  }
  ports = { ...store, clock, entropy: new SeededEntropy(2) }
  const reportError = (error: unknown) => {
    throw error
  }
  broker = new LogBroker(ports, { lingerMs: 0, reportError, flushes: 'elsewhere' })
})
afterEach(async () => {
  await broker.close()
  await store.close()
  await rm(directory, { recursive: true })
})

/** Writes the directory with nothing of today's code. */
async function layOut(): Promise<void> {
  await mkdir(join(directory, 'index'))
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  database.exec(['PRAGMA journal_mode = WAL', ...golden.schema].join('; '))
  const put = database.prepare('INSERT INTO items (key, value) VALUES (?, ?)')
  for (const { key, text, hex } of golden.rows as Row[]) {
    put.run(key, text === undefined ? Buffer.from(hex!, 'hex') : Buffer.from(text))
  }
  database.close()
  for (const { key, hex } of golden.objects) {
    const path = join(directory, 'objects', key)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, Buffer.from(hex, 'hex'))
  }
}

interface Row {
  readonly key: string
  readonly text?: string
  readonly hex?: string
}

/** The rows as they stand, in the golden file's form. */
function rows(): Row[] {
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'), { readOnly: true })
  try {
    return (
      database
        .prepare('SELECT key, value FROM items ORDER BY key')
        .all()
        // What the store is, says the first that may write to it.
        .filter(({ key }) => key !== 'store/format')
        .map(row => {
          const [key, bytes] = [row.key as string, Buffer.from(row.value as Uint8Array)]
          return bytes[0] === 0x7b ? { key, text: bytes.toString() } : { key, hex: bytes.toString('hex') }
        })
    )
  } finally {
    database.close()
  }
}

async function recordsOf(topic: string, partition: number, startOffset: number) {
  const { chunks } = await broker.fetch({ topic, partition, offset: toOffset(startOffset) })
  return chunks
    .flatMap(chunk => decodeBatches(chunk))
    .map(({ offset, value, timestampMs }) => ({
      partition,
      offset,
      value: Buffer.from(value!).toString(),
      timestampMs,
    }))
}

/** All that a broker tells of what it has. */
async function everything() {
  const topics: unknown[] = []
  for (const { topic } of await broker.listTopics()) {
    const { configs, ...description } = await broker.describeTopic(topic)
    const records: unknown[] = []
    for (const { partition, startOffset } of description.offsets) {
      records.push(...(await recordsOf(topic, partition, startOffset)))
    }
    // Defaults are this version's own.
    const chosen = configs.filter(({ isDefault }) => !isDefault)
    topics.push({ description: { ...description, configs: chosen }, records })
  }
  const groups: unknown[] = []
  for (const { groupId } of await broker.listGroups()) {
    const description = await broker.describeGroup(groupId)
    groups.push({ description, offsets: await broker.fetchOffsets({ groupId }) })
  }
  return { topics, groups, triggers: await broker.listTriggers() }
}

async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const each of iterable) found.push(each)
  return found
}

const findings = () => all(verify(ports, new VerifySummary()))

const partitionId = async (partition: number) => {
  const { topicId } = (await store.topics.get('tides'))!
  return { topicId, partition }
}

async function flushAll(): Promise<void> {
  const requests = await Promise.all(
    [0, 1].map(async n => ({ partition: await partitionId(n), age: 'all' as const })),
  )
  const flushed = await flush(ports, requests, ports.clock.monotonicMs() + 5_000)
  expect(flushed.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  for (const { partition } of requests) expect((await store.index.readHead(partition))?.tail).toEqual([])
}

const keysWith = (prefix: string) =>
  rows()
    .map(({ key }) => key)
    .filter(key => key.startsWith(prefix))

test('is laid out as the golden file says', () => {
  expect(rows()).toEqual(golden.rows)
})

describe('a directory of an older version', () => {
  test('tells everything as that version did, and stays as it is', async () => {
    // What a version has learned to tell since may stand there besides.
    expect(await everything()).toMatchObject(golden.answers)
    expect(await findings()).toEqual([])
    expect(rows()).toEqual(golden.rows)
  })

  test('knows every idempotent producer, in the head and out of it', async () => {
    const send = (values: readonly string[], sequence: number, producerId: bigint, timestampMs: number) => {
      const records = values.map(value => ({ key: null, value: Buffer.from(value), timestampMs }))
      const producerEpoch = producerId === 8n ? 2 : 0
      const batches = encodeBatch(records, { producerId, producerEpoch, baseSequence: sequence })
      return broker.produce({ topic: 'tides', partition: 0, batches: new Uint8Array(batches) })
    }
    expect(await send(['a', 'b'], 0, 7n, START_MS)).toMatchObject({ baseOffset: 0 })
    expect(await send(['d'], 0, 8n, golden.nowMs)).toMatchObject({ baseOffset: 3 })
    expect(await send(['e'], 1, 8n, golden.nowMs)).toMatchObject({ baseOffset: 4 })
    expect(rows()).toEqual(golden.rows)
    expect(await send(['new'], 2, 7n, golden.nowMs)).toMatchObject({ baseOffset: 7 })
    await expect(send(['gap'], 9, 8n, golden.nowMs)).rejects.toMatchObject({
      kafkaName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    })
  })

  test('is flushed, and tells the same', async () => {
    await flushAll()
    expect(await everything()).toMatchObject(golden.answers)
    expect(await findings()).toEqual([])
  })

  test('settles: all of it is rolled, what it lay in goes, and it tells the same', async () => {
    expect((await all(store.objects.list())).some(({ key }) => key.startsWith('segments/'))).toBe(true)
    await flushAll()
    // The files are of now, and no file is swept that came a moment ago.
    nowMs = systemClock.nowMs()
    for (let run = 0; run < 8; run += 1) {
      nowMs += 2 * TINY.graceMs
      const budget = untilDeadline(ports.clock.monotonicMs() + 60_000)
      const { failed } = await maintain(ports, TINY, { upkeep: true, isForced: true }, budget)
      expect(failed).toEqual([])
    }
    for (const number of [0, 1]) {
      const head = (await store.index.readHead(await partitionId(number)))!
      expect(head.tail).toEqual([])
      expect(head.settled.settledOffset).toBe(head.nextOffset)
      expect(await store.index.readBlocks(await partitionId(number), toOffset(0), 9)).toEqual([])
    }
    const keys = (await all(store.objects.list())).map(({ key }) => key)
    expect(keys.filter(key => !key.startsWith('log/'))).toEqual([])
    expect(await store.upkeep.readIngest()).toMatchObject({ drained: 1, swept: 1 })
    const { topics, triggers } = golden.answers
    // Members that are silent for so long are none any more.
    expect(await everything()).toMatchObject({ topics, triggers })
    expect((await findings()).filter(({ severity }) => severity === 'error')).toEqual([])
  })

  test('keeps everything, however old, and says so, until somebody sets its retention', async () => {
    const DAY_MS = 24 * 3_600_000
    const { topic } = (await broker.listTopics())[0]!
    const notes = async () => (await broker.describeTopic(topic)).configs.flatMap(({ note }) => note ?? [])
    const settle = async () => {
      await flushAll()
      for (let run = 0; run < 3; run += 1) {
        const budget = untilDeadline(ports.clock.monotonicMs() + 60_000)
        await maintain(ports, TINY, { upkeep: true, isForced: true }, budget)
      }
    }
    const { offsets } = await broker.describeTopic(topic)
    expect(await notes()).toHaveLength(3)
    nowMs += 400 * DAY_MS
    await settle()
    expect((await broker.describeTopic(topic)).offsets).toEqual(offsets)
    await broker.alterTopic({ topic, set: { 'retention.ms': String(DAY_MS) } })
    expect(await notes()).toEqual([])
    // The newest segment stays, and so something has to come behind what is to go.
    for (const { partition } of offsets) {
      const batches = new Uint8Array(encodeBatch([{ key: null, value: null }], { nowMs }))
      await broker.produce({ topic, partition, batches })
    }
    await settle()
    const starts = (await broker.describeTopic(topic)).offsets.map(({ startOffset }) => startOffset)
    expect(starts).toEqual(offsets.map(({ endOffset }) => endOffset))
  })

  test('lets the members of its groups go on', async () => {
    const [claim] = (await all(store.groups.claims(GROUP))).filter(({ partition }) => partition === 0)
    const { topicId, generation, owner } = claim!
    const place = { topic: 'tides', partition: 0 }
    const beat: Heartbeat = {
      groupId: GROUP,
      memberId: owner!,
      memberEpoch: 2,
      clientId: 'one',
      topics: ['tides'],
      owned: [{ ...place, topicId, generation }],
    }
    const answer = await broker.heartbeat(beat)
    expect(answer).toMatchObject({ memberEpoch: 2, isSettled: true, assigned: [{ ...place, generation }] })
    const commit = {
      groupId: GROUP,
      memberId: owner!,
      offsets: [{ ...place, offset: toOffset(6), generation }],
    }
    expect(await broker.commitOffsets(commit)).toEqual([{ ...place, error: null }])
    const [offset] = await broker.fetchOffsets({ groupId: GROUP })
    expect(offset).toMatchObject({ ...place, offset: 6 })
  })

  test('lets a group go whose entry in the list has no version, and lists it again', async () => {
    await broker.deleteGroup('alone')
    expect([...keysWith('group#alone/'), ...keysWith('groups/alone')]).toEqual([])
    expect((await broker.listGroups()).map(({ groupId }) => groupId)).toEqual(['alarms', GROUP])
    await store.groups.createGroup('alone', 'range')
    expect(await all(store.groups.groups())).toEqual(['alarms', 'alone', GROUP])
    expect(rows().find(({ key }) => key === 'groups/alone')?.text).toMatch(/^\{"version":"[0-9a-f-]{36}"\}$/)
    await broker.deleteGroup('alone')
    expect(keysWith('groups/alone')).toEqual([])
  })

  test('lets its trigger be paused, resumed and deleted', async () => {
    const name = { groupId: 'alarms', topic: 'tides' }
    const [told] = golden.answers.triggers
    expect(await broker.pauseTrigger(name)).toMatchObject({ ...told, state: 'paused' })
    expect(await broker.resumeTrigger(name)).toMatchObject({ ...told, state: 'active' })
    await broker.pauseTrigger(name)
    await broker.deleteTrigger(name)
    expect(await broker.listTriggers()).toEqual([])
    await broker.deleteGroup('alarms')
    expect([...keysWith('triggers/'), ...keysWith('group#alarms/'), ...keysWith('groups/alarms')]).toEqual([])
  })

  test('lets its topic be deleted, with all of its logs', async () => {
    await broker.deleteTopic('tides')
    expect(keysWith('topics/')).toEqual([])
    // Of each log a closed head is left, which no late write can mistake for nothing.
    const heads = golden.rows.map(({ key }) => key).filter(key => /^log#.*\/head$/.test(key))
    expect(keysWith('log#')).toEqual(heads)
    expect(await all(store.index.partitions())).toEqual([])
    // Groups keep what they have committed, until they go.
    expect(keysWith('group')).toEqual(
      golden.rows.map(({ key }) => key).filter(key => key.startsWith('group')),
    )
  })
})
