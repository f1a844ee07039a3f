import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { consume } from '../../../src/cli/commands/consume.ts'
import { consumeGroup } from '../../../src/cli/commands/consume-group.ts'
import { formatValueLine } from '../../../src/cli/consuming/consumed-record.ts'
import { READING_DEFAULT } from '../../../src/cli/consuming/record-printer.ts'
import { skippingCorrupt } from '../../../src/cli/consuming/skip-corrupt.ts'
import type { Broker, Fetch } from '../../../src/contract/broker.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../../src/core/record/index.ts'
import { openEmbedded, openInMemory } from '../../../src/embedded/embedded.ts'
import { fakeTerminal } from '../fake-terminal.ts'

const BATCHES = 12
const PER_BATCH = 3
const SETTINGS = { from: 'earliest', recordsMax: null, exitAtEnd: true, format: formatValueLine } as const
const TUNING = { ...READING_DEFAULT, giveUpAfter: 200 }
const textOf = (record: number) => `the value of record ${record}.`

/** A topic whose segment was damaged on its disk, in the batches of these records. */
async function openDamaged(...records: number[]) {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-damage-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const { broker, close } = await openEmbedded({ directory })
  await broker.createTopic({ topic: 'tides' })
  for (let batch = 0; batch < BATCHES; batch++) {
    const values = Array.from({ length: PER_BATCH }, (_, index) => textOf(batch * PER_BATCH + index))
    const batches = encodeBatch(
      values.map(value => ({ value: Buffer.from(value) })),
      { nowMs: 1 },
    )
    await broker.produce({ topic: 'tides', partition: 0, batches })
  }
  await close()
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (!entry.isFile() || !file.includes('segments')) continue
    const bytes = readFileSync(file)
    for (const record of records) bytes.write('#', bytes.indexOf(textOf(record)))
    writeFileSync(file, bytes)
  }
  const damaged = await openEmbedded({ directory })
  onTestFinished(() => damaged.close())
  return damaged.broker
}

const rangeOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => textOf(from + index))

test('what is damaged in the store is passed over, and what lies between is not', async () => {
  const broker = await openDamaged(4, 11, 12, 35)
  const terminal = fakeTerminal()
  const settings = { ...SETTINGS, topic: 'tides', partitions: [], skipCorrupt: true }
  expect(await consume(broker, settings, terminal, TUNING)).toBe(0)
  const lines = terminal.printed().toString().split('\n').slice(0, -1)
  expect(lines).toEqual([...rangeOf(0, 3), ...rangeOf(6, 9), ...rangeOf(15, 33)])
  const told = terminal.noted().split('\n').slice(0, -1)
  expect(told.map(line => line.replace(/, damaged: .*/, ''))).toEqual(
    ['3 to 5', '9 to 11', '12 to 14', '33 to 35'].map(
      records => `tides, partition 0: passed over records ${records}`,
    ),
  )
  expect(told[0]).toMatch(/damaged: The stored batch at offset 3 is damaged: The batch's CRC-32C is /)
  expect(told.join()).not.toMatch(/send/i)
})

test('a group commits behind what it was told to pass over', async () => {
  const broker = await openDamaged(35)
  const terminal = fakeTerminal()
  const settings = { ...SETTINGS, skipCorrupt: true, groupId: 'harbour', topics: ['tides'] }
  const group = { topicPattern: null, instanceId: null, assignor: null, sessionTimeoutMs: 45_000 }
  expect(await consumeGroup(broker, { ...settings, ...group }, terminal, TUNING)).toBe(0)
  expect(await broker.fetchOffsets({ groupId: 'harbour' })).toMatchObject([{ offset: BATCHES * PER_BATCH }])
})

test('without being told to, it ends there, and says what to do', async () => {
  const broker = await openDamaged(4)
  const terminal = fakeTerminal()
  const settings = { ...SETTINGS, topic: 'tides', partitions: [] }
  await expect(consume(broker, settings, terminal, TUNING)).rejects.toThrow(
    /offset 3 is damaged.*`tidemark consume --skip-corrupt` does, and run `tidemark verify`/,
  )
  expect(terminal.printed().toString()).toBe(`${rangeOf(0, 3).join('\n')}\n`)
})

test('what was damaged on its way is asked for again', async () => {
  const { broker, close } = openInMemory()
  onTestFinished(close)
  await broker.createTopic({ topic: 'tides' })
  await broker.produce({
    topic: 'tides',
    partition: 0,
    batches: encodeBatch([{ value: Buffer.from('6.2') }], { nowMs: 1 }),
  })
  let fetches = 0
  const onceDamaged = {
    ...({} as Broker),
    fetch: async (request: Fetch) => {
      const fetched = await broker.fetch(request)
      fetches++
      const chunks = fetched.chunks.map(chunk => Uint8Array.from(chunk))
      if (fetches === 1) chunks[0]!.fill(0, chunks[0]!.length - 2)
      return { ...fetched, chunks }
    },
  }
  const told: unknown[] = []
  const { chunks } = await skippingCorrupt(onceDamaged, skipped => told.push(skipped)).fetch({
    topic: 'tides',
    partition: 0,
    offset: toOffset(0),
  })
  expect(chunks.flatMap(chunk => decodeBatches(chunk))).toMatchObject([{ offset: 0 }])
  expect([fetches, told]).toEqual([2, []])
})
