import { beforeEach, describe, expect, test } from 'vitest'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { isTimeOver } from '../../../src/broker/settling/budget.ts'
import { clean } from '../../../src/broker/settling/clean.ts'
import { drop } from '../../../src/broker/settling/drop.ts'
import { Moved } from '../../../src/broker/settling/read-runs.ts'
import type { SettlingSettings } from '../../../src/broker/settling/settling-settings.ts'
import { sweep } from '../../../src/broker/settling/sweep.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../../src/core/record/index.ts'
import { NotApplied, OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { ALL_CODECS, type KeyedBatch, keyedHistory } from '../../kafka/keyed-history.ts'
import { Harness } from '../harness.ts'
import { SettledLog } from './settled-log.ts'

const DAY_MS = 24 * 3_600_000
const CONFIGS = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0',
  'segment.bytes': '1500',
}

interface KeptRecord {
  readonly offset: number
  readonly key: string
  readonly value: string | null
}

let harness: Harness
let broker: LogBroker
let log: SettledLog

async function open(
  configs: Record<string, string> = {},
  settings: Partial<SettlingSettings> = {},
): Promise<void> {
  harness = new Harness()
  broker = harness.open()
  log = new SettledLog(harness, 'tides', settings)
  await harness.run(broker.createTopic({ topic: 'tides', configs: { ...CONFIGS, ...configs } }))
}

beforeEach(async () => await open())

function encoded({ compression, records }: KeyedBatch): Uint8Array {
  const all = records.map(({ key, value, timestampMs }) => ({
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestampMs,
  }))
  return new Uint8Array(encodeBatch(all, { compression }))
}

const batch = (...records: readonly [key: string, value: string | null][]): Uint8Array =>
  encoded({
    compression: 'none',
    records: records.map(([key, value]) => ({ key, value, timestampMs: harness.clock.nowMs() })),
  })

/** A pass, as a visit makes it. Undefined: none is due. */
async function pass(head?: Head): Promise<Head | undefined> {
  const known = await log.log()
  const now = head ?? (await log.head())
  return await harness.run(clean(harness.ports, log.settings, known, now, log.budget()))
}

/** As many as are due; tells how many. */
async function passes(): Promise<number> {
  for (let count = 0; ; count++) {
    const head = await pass()
    if (!head) return count
    await harness.run(sweep(harness.ports, (await log.log()).partition, head, true, log.budget()))
  }
}

/** All that a reader gets, once it is checked that it gets to the end. */
async function readAll(): Promise<KeptRecord[]> {
  const records: KeptRecord[] = []
  for (let offset = (await log.head()).startOffset; ; ) {
    const fetched = await harness.run(broker.fetch({ topic: 'tides', partition: 0, offset }))
    const found = fetched.chunks
      .flatMap(chunk => decodeBatches(chunk))
      .filter(record => record.offset >= offset)
    for (const { offset, key, value } of found) {
      records.push({
        offset,
        key: Buffer.from(key ?? []).toString(),
        value: value === null ? null : Buffer.from(value).toString(),
      })
    }
    offset = fetched.nextOffset
    if (offset >= fetched.endOffset) return records
  }
}

/** What compaction has to leave of a history: by key the last record, in the order of their offsets. */
function lastOfEach(records: readonly KeptRecord[]): KeptRecord[] {
  const last = new Map(records.map(record => [record.key, record]))
  return records.filter(record => last.get(record.key) === record)
}

/** The sums in the head are those of what counts, and no object is missing. */
async function checkSums(): Promise<void> {
  const { findings } = await harness.verify()
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
}

describe('the last value of each key stays, at its offset and in its order', () => {
  test('in one segment', async () => {
    await log.roll(batch(['a', '1'], ['b', '2'], ['a', '3']), batch(['c', '4'], ['b', '5']))
    expect(await passes()).toBe(1)
    expect(await readAll()).toEqual([
      { offset: 2, key: 'a', value: '3' },
      { offset: 3, key: 'c', value: '4' },
      { offset: 4, key: 'b', value: '5' },
    ])
    expect(await log.head()).toMatchObject({ settled: { generation: 1, cleanOffset: 5, mergedOffset: 5 } })
  })

  test('also for those who read from a process that has appended what is gone', async () => {
    broker = harness.open({ hotTailBytes: 1_000_000 })
    await harness.run(broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0) }))
    const batches = batch(['a', '1'], ['b', '2'], ['a', '3'])
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
    await log.settle()
    expect((await readAll()).map(({ offset }) => offset)).toEqual([0, 1, 2])
    expect(await passes()).toBe(1)
    expect((await readAll()).map(({ offset }) => offset)).toEqual([1, 2])
  })

  test('over segments, and what has not settled stays as it is', async () => {
    await log.roll(batch(['a', '1'], ['b', '2']))
    await log.roll(batch(['a', '3']))
    await log.produce(batch(['b', '4']))
    expect(await passes()).toBe(1)
    expect((await readAll()).map(({ offset }) => offset)).toEqual([1, 2, 3])
  })

  test('where a whole segment goes', async () => {
    await open({ 'segment.bytes': '14' })
    await log.roll(batch(['a', '1']))
    await log.roll(batch(['b', '1']))
    await log.roll(batch(['a', '2'], ['b', '2']))
    expect(await passes()).toBe(1)
    expect((await readAll()).map(({ offset }) => offset)).toEqual([2, 3])
    const counted = (await log.segments()).map(({ segment: { baseOffset, end, bytes } }) => [
      baseOffset,
      end,
      bytes > 0,
    ])
    expect(counted).toEqual([
      [0, 1, false],
      [1, 2, false],
      [2, 4, true],
    ])
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'of a random history with all codecs, pass by pass (seed %i)',
    async seed => {
      const entropy = new SeededEntropy(seed)
      const keys = entropy.pick([3, 30, 300])
      let produced: KeptRecord[] = []
      for (let round = 0; round < 4; round++) {
        for (let segment = entropy.integer(1, 4); segment > 0; segment--) {
          await log.roll(...keyedHistory(entropy, { batches: entropy.integer(1, 8), keys }).map(encoded))
        }
        produced =
          produced.length === 0 ? await readAll() : [...produced, ...(await readFrom(produced.length))]
        await passes()
        expect(await readAll()).toEqual(lastOfEach(produced))
        await checkSums()
      }
    },
  )
})

/** Everything from an offset on that nobody has cleaned yet. */
async function readFrom(count: number): Promise<KeptRecord[]> {
  return (await readAll()).filter(({ offset }) => offset >= count)
}

test.each(ALL_CODECS)('batches with %s keep their codec', async compression => {
  const records = ['a', 'b', 'a'].map(key => ({
    key,
    value: 'x'.repeat(200),
    timestampMs: harness.clock.nowMs(),
  }))
  await log.roll(encoded({ compression, records }))
  await passes()
  const { chunks } = await harness.run(broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0) }))
  expect(chunks[0]![22]! & 7).toBe(ALL_CODECS.indexOf(compression))
  expect((await readAll()).map(({ offset }) => offset)).toEqual([1, 2])
})

describe('a map that has no room for all keys', () => {
  test.each([1, 2, 3, 4])('takes several passes, and comes to the same (seed %i)', async seed => {
    // 20 keys: 23 bytes each, in a table that is three quarters full.
    await open({}, { mapBytes: 27 * 23 })
    const entropy = new SeededEntropy(seed)
    for (let segment = 0; segment < 5; segment++) {
      await log.roll(...keyedHistory(entropy, { batches: 10, keys: 150 }).map(encoded))
    }
    const produced = await readAll()
    expect(await passes()).toBeGreaterThan(3)
    expect(await readAll()).toEqual(lastOfEach(produced))
    await checkSums()
  })

  test('takes one batch at least, however many keys that has', async () => {
    await open({}, { mapBytes: 3 * 23 })
    const many = Array.from({ length: 50 }, (_, index): [string, string] => [`key ${index}`, 'value'])
    await log.roll(batch(...many), batch(...many))
    const produced = await readAll()
    expect(await passes()).toBe(2)
    expect(await readAll()).toEqual(lastOfEach(produced))
  })
})

describe('a tombstone', () => {
  test('stays for its time once there is nothing below it, and then goes by itself', async () => {
    await log.roll(batch(['a', '1'], ['b', '2']))
    await log.roll(batch(['a', null], ['c', '3']))
    expect(await passes()).toBe(1)
    expect((await readAll()).map(({ key }) => key)).toEqual(['b', 'a', 'c'])
    await harness.pass(DAY_MS)
    expect(await passes()).toBe(0)
    await harness.pass(2)
    expect(await passes()).toBe(1)
    expect((await readAll()).map(({ key }) => key)).toEqual(['b', 'c'])
    expect(await passes()).toBe(0)
  })

  test('is no older than what has been cleaned: one that was dirty for long has its time before it', async () => {
    await log.roll(batch(['a', '1'], ['b', '2'], ['a', null], ['c', '3']))
    await harness.pass(10 * DAY_MS)
    expect(await passes()).toBe(1)
    expect((await readAll()).map(({ key }) => key)).toEqual(['b', 'a', 'c'])
  })

  test("that is the last record of the log stays, and is nobody's reason for a pass", async () => {
    await log.roll(batch(['a', '1'], ['a', null]))
    expect(await passes()).toBe(1)
    await harness.pass(10 * DAY_MS)
    expect(await passes()).toBe(0)
    expect(await readAll()).toEqual([{ offset: 1, key: 'a', value: null }])
    await log.roll(batch(['b', '1']))
    expect(await passes()).toBe(1)
    await harness.pass(DAY_MS + 1)
    expect(await passes()).toBe(1)
    expect(await readAll()).toEqual([{ offset: 2, key: 'b', value: '1' }])
  })

  test('goes although younger ones come with each pass', async () => {
    await log.roll(batch(['a', '1'], ['a', null], ['z', '1']))
    for (let hour = 0; hour < 30; hour++) {
      await passes()
      await harness.pass(3_600_000)
      await log.roll(batch([`key ${hour}`, null], ['z', '1']))
    }
    await passes()
    const keys = (await readAll()).map(({ key }) => key)
    expect(keys).not.toContain('a')
    expect(keys).toContain('key 29')
    expect(keys.length).toBeLessThan(30)
    await harness.pass(2 * DAY_MS)
    await passes()
    expect((await readAll()).map(({ key }) => key)).toEqual(['z'])
  })

  test('whose time is over has no more written anew than the segment that it is in', async () => {
    await open({ 'segment.bytes': '14' })
    for (const key of ['a', 'b', 'c']) await log.roll(batch([key, '1']))
    await log.roll(batch(['b', null], ['d', '1']))
    await log.roll(batch(['e', '1']))
    await passes()
    await harness.pass(DAY_MS + 1)
    harness.calls.length = 0
    expect(await passes()).toBe(1)
    expect(harness.count('putLarge')).toBe(1)
    expect((await readAll()).map(({ key }) => key)).toEqual(['a', 'c', 'd', 'e'])
    await checkSums()
  })

  test('goes at once without a time', async () => {
    await open({ 'delete.retention.ms': '0' })
    await log.roll(batch(['a', '1'], ['a', null], ['z', '1']))
    await passes()
    await harness.pass(1)
    await passes()
    expect((await readAll()).map(({ key }) => key)).toEqual(['z'])
  })
})

describe('a pass that breaks off', () => {
  /** Four segments that are cleaned one by one. */
  async function openFour(): Promise<KeptRecord[]> {
    await open({ 'segment.bytes': '14' })
    for (let segment = 0; segment < 4; segment++) {
      await log.roll(batch(['a', `${segment}`], [`key ${segment}`, 'x']))
    }
    return await readAll()
  }

  /** Ends with the call before which `isEnough` says so. */
  async function breakOff(isEnough: (method: string, args: readonly unknown[]) => boolean): Promise<void> {
    harness.around = async (method, args, call) => {
      if (isEnough(method, args)) throw new TypeError('the process has ended')
      return await call()
    }
    await expect(pass()).rejects.toThrow('the process has ended')
    harness.around = (_, __, call) => call()
  }

  test('is gone on with under another number: what was made is taken over, and not made again', async () => {
    const produced = await openFour()
    let puts = 0
    await breakOff(method => method === 'putLarge' && puts++ === 2)
    expect((await log.head()).settled).toMatchObject({ generation: 0, cleaning: 1, cleaningTo: 8 })
    expect(await readAll()).toEqual(produced)
    harness.calls.length = 0
    expect(await pass()).toMatchObject({
      settled: { generation: 2, cleaning: 2, resumes: 0, mergedOffset: 8 },
    })
    expect(harness.count('putLarge')).toBe(2)
    expect(await readAll()).toEqual(lastOfEach(produced))
    await checkSums()
  })

  test('comes to the same, wherever that was', async () => {
    const steps = await stepsOfAPass()
    for (let at = 0; at < steps; at++) {
      const produced = await openFour()
      let step = 0
      await breakOff(() => step++ === at)
      expect(await readAll()).toEqual(at === steps - 1 ? await readAll() : produced)
      await passes()
      expect([at, await readAll()]).toEqual([at, lastOfEach(produced)])
      await checkSums()
      // Nothing of it stands about but the notes of objects that nobody has named.
      const { generation } = (await log.head()).settled
      expect((await log.segments()).map(({ level }) => level)).toEqual([
        generation,
        generation,
        generation,
        generation,
      ])
    }
  })

  async function stepsOfAPass(): Promise<number> {
    await openFour()
    harness.calls.length = 0
    await pass()
    return harness.calls.length
  }

  test('because its time is over goes on the next time', async () => {
    const produced = await openFour()
    const known = await log.log()
    harness.around = async (method, _, call) => {
      if (method === 'putLarge') await harness.clock.sleep(25_000)
      return await call()
    }
    const first = clean(harness.ports, log.settings, known, await log.head(), log.budget())
    expect(await harness.run(first).catch(isTimeOver)).toBe(true)
    harness.around = (_, __, call) => call()
    await passes()
    expect(await readAll()).toEqual(lastOfEach(produced))
  })

  test('is given up where the policy is another by then', async () => {
    const produced = await openFour()
    let puts = 0
    await breakOff(method => method === 'putLarge' && puts++ === 2)
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'cleanup.policy': 'delete' } }))
    expect(await passes()).toBe(1)
    expect(await passes()).toBe(0)
    expect(await readAll()).toEqual(produced)
    const levels = new Set((await log.segments()).map(({ level }) => level))
    expect(levels).toEqual(new Set(['rolled']))
  })

  test('is made anew where its rules are others by then', async () => {
    const produced = await openFour()
    let puts = 0
    await breakOff(method => method === 'putLarge' && puts++ === 2)
    await harness.run(broker.alterTopic({ topic: 'tides', set: { 'delete.retention.ms': '5' } }))
    harness.calls.length = 0
    await passes()
    expect(harness.count('putLarge')).toBe(4)
    expect(await readAll()).toEqual(lastOfEach(produced))
  })
})

describe('two at one log', () => {
  test('whoever slept through another pass changes nothing', async () => {
    await log.roll(batch(['a', '1'], ['a', '2'], ['b', '1']))
    const late = await log.head()
    await log.roll(batch(['b', '2'], ['z', '1']))
    await passes()
    const [before, head] = [await readAll(), await log.head()]
    await expect(pass(late)).rejects.toThrow(Moved)
    expect(await readAll()).toEqual(before)
    expect((await log.head()).settled).toMatchObject({ generation: head.settled.generation })
    await log.roll(batch(['z', '2']))
    await passes()
    expect((await readAll()).map(({ offset }) => offset)).toEqual([1, 3, 5])
    await checkSums()
  })

  test('whoever has lost the number to another is void', async () => {
    await log.roll(batch(['a', '1'], ['a', '2'], ['b', '1']))
    harness.around = async (method, _, call) => {
      if (method !== 'putSegment') return await call()
      harness.around = (_, __, call) => call()
      const answer = await call()
      await clean(harness.plain, log.settings, await log.log(), await log.head(), log.budget())
      return answer
    }
    await expect(pass()).rejects.toThrow(Moved)
    expect((await readAll()).map(({ offset }) => offset)).toEqual([1, 2])
    await checkSums()
  })

  test('what is dropped meanwhile is not there again', async () => {
    await open({ 'cleanup.policy': 'compact,delete', 'segment.bytes': '14' })
    for (let segment = 0; segment < 3; segment++) await log.roll(batch([`${segment}`, 'x'], ['a', 'x']))
    await passes()
    await log.roll(batch(['a', 'y'], ['z', 'x']))
    harness.around = async (method, args, call) => {
      if (method !== 'rearrange' || (args[1] as { kind: string }).kind !== 'clean') return await call()
      harness.around = (_, __, call) => call()
      await harness.open().deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(2) })
      await drop(harness.plain, await log.log(), await log.head(), log.budget())
      return await call()
    }
    expect(await pass()).toMatchObject({ settled: { firstOffset: 2, mergedOffset: 8 } })
    expect((await readAll()).map(({ offset }) => offset)).toEqual([2, 4, 6, 7])
    await checkSums()
  })
})

test('answers that are lost, and refusals that pass, change nothing of that', async () => {
  for (let segment = 0; segment < 4; segment++)
    await log.roll(batch(['a', `${segment}`], [`key ${segment}`, 'x']))
  const produced = await readAll()
  let calls = 0
  harness.around = async (_, __, call) => {
    calls += 1
    if (calls % 3 === 0) throw new NotApplied('throttled')
    const answer = await call()
    if (calls % 2 === 0) throw new OutcomeUnknown('the answer was lost')
    return answer
  }
  for (let tries = 0; tries < 5; tries++) {
    await pass().catch(error => expect(error).toBeInstanceOf(Moved))
    calls += 1
  }
  harness.around = (_, __, call) => call()
  await passes()
  expect(await readAll()).toEqual(lastOfEach(produced))
  await checkSums()
})

test('records without a key, from before the topic was compacted, go', async () => {
  await open({ 'cleanup.policy': 'delete' })
  const keyless = encodeBatch(
    [null, null].map(key => ({ key, value: Buffer.from('x'), timestampMs: harness.clock.nowMs() })),
  )
  await log.roll(new Uint8Array(keyless), batch(['a', '1'], ['a', '2']))
  expect(await pass()).toBeUndefined()
  await harness.run(broker.alterTopic({ topic: 'tides', set: { 'cleanup.policy': 'compact' } }))
  await passes()
  expect((await readAll()).map(({ offset }) => offset)).toEqual([3])
})

test('a topic that is older than compaction keeps everything, whatever its policy', async () => {
  await log.roll(batch(['a', '1'], ['a', '2']))
  const { expires: _, ...old } = (await harness.plain.topics.get('tides'))!
  await harness.plain.topics.put({ ...old, version: harness.entropy.id() }, old.version)
  expect(await pass()).toBeUndefined()
})

test('what is younger than min.compaction.lag.ms stays until it is not', async () => {
  await open({ 'min.compaction.lag.ms': '60000' })
  await log.roll(batch(['a', '1'], ['a', '2'], ['z', '1']))
  expect(await passes()).toBe(0)
  await harness.pass(60_001)
  expect(await passes()).toBe(1)
  expect((await readAll()).map(({ offset }) => offset)).toEqual([1, 2])
})

test('the sums are right where a rolled segment counts from its midst on, and the log begins there', async () => {
  // Two keys in a map: each pass ends in the midst of the one segment.
  const policy = { 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' }
  await open({ ...policy, 'segment.bytes': '14' }, { mapBytes: 3 * 23 })
  await log.roll(...['a', 'b', 'c', 'd', 'e', 'f'].map(key => batch([key, '1'])))
  await pass()
  await pass()
  expect((await log.head()).settled).toMatchObject({ mergedOffset: 4, settledOffset: 6 })
  await harness.run(broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(3) }))
  await log.visitNow()
  expect((await log.head()).settled.firstOffset).toBeGreaterThan(0)
  await passes()
  await checkSums()
  expect((await readAll()).map(({ offset }) => offset)).toEqual([3, 4, 5])
})
