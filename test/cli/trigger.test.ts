import { afterEach, beforeEach, expect, test } from 'vitest'
import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../../src/broker/log-broker.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { Triggers } from '../../src/broker/triggers/triggers.ts'
import { describeGroup } from '../../src/cli/commands/group.ts'
import { resetGroup } from '../../src/cli/commands/reset-group.ts'
import {
  deleteTrigger,
  describeTrigger,
  listTriggers,
  pauseTrigger,
  resumeTrigger,
} from '../../src/cli/commands/trigger.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { encodeProgress } from '../../src/core/trigger/progress.ts'
import { systemClock, systemEntropy } from '../../src/embedded/system.ts'
import { fakeTerminal } from './fake-terminal.ts'

const NAME = { groupId: 'billing', topic: 'tides' }

let broker: LogBroker
let triggers: Triggers

beforeEach(async () => {
  const ports = {
    ...openMemoryStore(systemClock),
    clock: systemClock,
    entropy: systemEntropy,
  }
  const reportError = (error: unknown) => {
    throw error
  }
  broker = new LogBroker(ports, { lingerMs: 0, reportError })
  triggers = new Triggers(ports, new TopicDirectory(ports.topics, systemClock))
  await broker.createTopic({ topic: 'tides', partitions: 2 })
  const batches = encodeBatch(
    Array.from({ length: 10 }, () => ({ value: Buffer.from('ebb') })),
    { nowMs: 1 },
  )
  await broker.produce({ topic: 'tides', partition: 1, batches })
})

afterEach(() => broker.close())

async function printedBy(command: (terminal: ReturnType<typeof fakeTerminal>) => Promise<number>) {
  const terminal = fakeTerminal()
  const exitCode = await command(terminal)
  return { exitCode, printed: terminal.printed().toString(), noted: terminal.noted() }
}

const list = (json = false) => printedBy(terminal => listTriggers(broker, { json }, terminal))
const described = (json = false) => printedBy(terminal => describeTrigger(broker, NAME, { json }, terminal))
const reset = () =>
  printedBy(terminal => {
    const topics = [{ topic: 'tides', partition: 1 }]
    return resetGroup(
      broker,
      { groupId: 'billing', topics, to: 'earliest', dryRun: false, json: true },
      terminal,
    )
  })

/** As whoever delivers notes down that a batch fails. */
async function fail(error: string): Promise<void> {
  const metadata = encodeProgress({ attempts: 3, failures: 4, sinceMs: 1_750_000_000_000, ends: [], error })
  const offsets = [{ topic: 'tides', partition: 1, offset: toOffset(4), metadata }]
  await broker.commitOffsets({ groupId: 'billing', offsets })
}

test('triggers are listed in a table or as JSON', async () => {
  expect(await list()).toMatchObject({ printed: '', noted: expect.stringContaining('no triggers yet') })
  await triggers.put({ ...NAME, target: 'a function', settings: {} })
  await broker.createTopic({ topic: 'rivers' })
  await triggers.put({ ...NAME, topic: 'rivers', target: 'another', settings: {} })
  await triggers.pause({ ...NAME, topic: 'rivers' })
  await broker.deleteTopic('rivers')
  expect((await list()).printed).toBe(
    [
      'GROUP    TOPIC   STATE             TARGET',
      'billing  rivers  paused, no topic  another',
      'billing  tides   active            a function',
      '',
    ].join('\n'),
  )
  expect(JSON.parse((await list(true)).printed)).toMatchObject([
    { topic: 'rivers', state: 'paused', hasTopic: false },
    { topic: 'tides', state: 'active', hasTopic: true, batchSize: 100 },
  ])
})

test('one is described with its settings, its lag, and what fails', async () => {
  const settings = {
    batchSize: 500,
    maxBatchingWindowMs: 2_500,
    startingPosition: { timestampMs: 0 },
    parallelism: 1,
    retryAttempts: 2,
    maxRecordAgeMs: 60_000,
    bisectBatchOnError: true,
    reportBatchItemFailures: true,
    filters: ['{"key":["a"]}'],
    onFailure: 'tidemark://lost',
    callTimeoutMs: 30_000,
  }
  await triggers.put({ ...NAME, target: 'a function', settings })
  await fail('Error: no ebb\nat flow')
  expect((await described()).printed).toBe(
    [
      'Group:       billing',
      'Topic:       tides',
      'State:       active',
      'Target:      a function',
      'Lag:         6 records',
      'Batch:       up to 500 records, after 2.5 s at the latest',
      'Starts at:   1970-01-01T00:00:00.000Z',
      'Parallelism: 1 partition',
      'Call:        30 s at most',
      'Failures:    tried again 2 times, batches are halved, the function may name what failed, given up when 60 s old, told to tidemark://lost',
      'Filter:      {"key":["a"]}',
      '',
      'PARTITION  COMMITTED  END OFFSET  LAG  FAILING SINCE             ATTEMPTS  LAST ERROR',
      '        0          0           0    0  -                         -         -',
      '        1          4          10    6  2025-06-15T15:06:40.000Z  3         Error: no ebb\\nat flow',
      '',
    ].join('\n'),
  )
  expect(JSON.parse((await described(true)).printed)).toMatchObject({
    ...NAME,
    ...settings,
    partitions: [
      { partition: 0, failing: null },
      {
        partition: 1,
        committedOffset: 4,
        lag: 6,
        failing: { attempts: 3, sinceMs: 1_750_000_000_000, error: 'Error: no ebb\nat flow' },
      },
    ],
  })
})

test("somebody else's metadata is no failure", async () => {
  await triggers.put({ ...NAME, target: 'a function', settings: {} })
  const offsets = [{ topic: 'tides', partition: 1, offset: toOffset(4), metadata: '{"trigger":"happy"}' }]
  await broker.commitOffsets({ groupId: 'billing', offsets })
  const { printed } = await described()
  expect(printed).toContain('tried again without end\n')
  expect(printed).toMatch(/ {8}1 +4 +10 +6 +- +- +-\n/)
})

test('one that is not there is no trigger', async () => {
  await expect(described()).rejects.toThrow('group billing has no trigger on the topic tides')
  const terminal = fakeTerminal()
  await expect(pauseTrigger(broker, NAME, terminal)).rejects.toMatchObject({
    kafkaName: 'GROUP_ID_NOT_FOUND',
  })
})

test('one is paused, its group reset, and resumed', async () => {
  await triggers.put({ ...NAME, target: 'a function', settings: { startingPosition: 'latest' } })
  await expect(reset()).rejects.toThrow('`tidemark trigger pause billing tides` stops it before the reset')
  const paused = await printedBy(terminal => pauseTrigger(broker, NAME, terminal))
  expect(paused).toMatchObject({ exitCode: 0, noted: expect.stringContaining('paused') })
  expect(JSON.parse((await reset()).printed)).toMatchObject([{ committedOffset: 10, newOffset: 0 }])
  const resumed = await printedBy(terminal => resumeTrigger(broker, NAME, terminal))
  expect(resumed).toMatchObject({ exitCode: 0, noted: expect.stringContaining('resumed') })
  expect(await broker.listTriggers()).toMatchObject([{ state: 'active' }])
})

test('one that was left behind is deleted once it is paused, and its group is free', async () => {
  await triggers.put({ ...NAME, target: 'a function', settings: { startingPosition: 'latest' } })
  const active = deleteTrigger(broker, NAME, fakeTerminal())
  await expect(active).rejects.toMatchObject({ kafkaName: 'NON_EMPTY_GROUP' })
  await pauseTrigger(broker, NAME, fakeTerminal())
  const deleted = await printedBy(terminal => deleteTrigger(broker, NAME, terminal))
  expect(deleted).toMatchObject({ exitCode: 0, noted: expect.stringContaining('deleted') })
  expect(await broker.listTriggers()).toEqual([])
  expect(await broker.fetchOffsets({ groupId: 'billing' })).not.toEqual([])
  await broker.deleteGroup('billing')
})

test('its group is described as one with a member that has no lease', async () => {
  await triggers.put({ ...NAME, target: 'a function', settings: {} })
  const settings = { json: false, watch: false }
  const { printed } = await printedBy(terminal => describeGroup(broker, 'billing', settings, terminal))
  expect(printed).toContain('State:     Stable')
  expect(printed).toMatch(/trigger-[0-9a-f]{32} +a function +- +tides +- +-\n/)
})
