import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { type Finding, VerifySummary } from '../../../src/broker/verifying/finding.ts'
import { verify } from '../../../src/broker/verifying/verify.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { decodeFooter, encodeFooter } from '../../../src/core/segment/footer.ts'
import { SparseIndex } from '../../../src/core/segment/sparse-index.ts'
import { logObjectKey, startMarkerKey } from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import type { LogIndex, PlacedSegment } from '../../../src/ports/log-index.ts'
import { batchOf, joined } from '../harness.ts'
import { SettlingHarness, TINY } from '../settling/settling-harness.ts'

let harness: SettlingHarness
let broker: LogBroker
let tides: PartitionId

/** A log with merged segments, rolled ones, blocks and a tail. */
beforeEach(async () => {
  harness = new SettlingHarness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }))
  tides = await harness.partitionId('tides')
  for (let round = 0; round < 8; round += 1) {
    await produce(2)
    await cut()
    await harness.maintain()
  }
  // What was superseded is gone, so that nothing but damage is told.
  for (let run = 0; run < 2; run += 1) {
    await harness.pass(TINY.graceMs + TINY.resweepMs)
    await harness.maintain()
  }
  for (let block = 0; block < 3; block += 1) {
    await produce(2)
    await cut()
  }
  await produce(1)
})

/** Two batches, one of them large enough to have a mark of its own. */
async function produce(count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    const batches = joined([batchOf(['short'], { padding: 3_000 }), batchOf(['long'], { padding: 90_000 })])
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
  }
}

async function cut(): Promise<void> {
  const age = { epochsBelow: Number.POSITIVE_INFINITY }
  const deadlineMs = harness.clock.monotonicMs() + 10_000
  await harness.run(flush(harness.ports, [{ partition: tides, age }], deadlineMs))
}

async function findingsOf(changed: Partial<LogIndex> = {}, isDeep = true) {
  const index = new Proxy(harness.plain.index, {
    get: (target, name) => {
      const value = Reflect.get(changed, name) ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const findings: Finding[] = []
  const summary = new VerifySummary()
  for await (const finding of verify({ ...harness.plain, index }, summary, { isDeep })) findings.push(finding)
  return { findings, summary }
}

async function problemsOf(changed: Partial<LogIndex> = {}, isDeep = true): Promise<string[]> {
  const { findings } = await findingsOf(changed, isDeep)
  return findings.map(({ severity, place, problem }) => `${severity}: ${place}: ${problem}`)
}

/** The segments as they stand, changed on their way to whoever reads them. */
async function withSegments(change: (placed: PlacedSegment) => PlacedSegment | undefined): Promise<string[]> {
  const all = await harness.segments(tides)
  const left = all.map(change).filter(placed => placed !== undefined)
  return await problemsOf({
    readSegments: async (_, level, offset, limit) => {
      const standing = left.filter(placed => placed.level === level).map(({ segment }) => segment)
      const first = Math.max(
        0,
        standing.findLastIndex(({ baseOffset }) => baseOffset <= offset),
      )
      return standing.slice(first, first + limit)
    },
  })
}

async function firstMerged() {
  const { segment } = (await harness.segments(tides)).find(({ level }) => level !== 'rolled')!
  const key = logObjectKey(tides, segment.baseOffset, segment.id)
  const bytes = (await harness.plain.objects.get(key, toPosition(0), 100_000_000))!
  const put = async (changed: Uint8Array) => await harness.plain.objects.put(key, [changed])
  return { segment, key, bytes, put, place: `error: tides/0 segment ${segment.baseOffset}` }
}

describe('a log that has settled', () => {
  test('has nothing to be told, and all of it is looked at', async () => {
    const all = await harness.segments(tides)
    expect(all.some(({ level }) => level === 'rolled')).toBe(true)
    expect(all.some(({ level }) => level !== 'rolled')).toBe(true)
    const deep = await findingsOf()
    expect(deep.findings).toEqual([])
    const shallow = await findingsOf({}, false)
    expect(shallow.findings).toEqual([])
    expect(deep.summary.segments).toBe(all.length)
    expect(deep.summary.batches).toBeGreaterThan(shallow.summary.batches)
    const { records, bytes } = shallow.summary
    expect(deep.summary).toMatchObject({ records, bytes })
    expect(records).toBe((await harness.head(tides)).nextOffset)
  })

  test('and whose start was moved, too', async () => {
    const { settled, nextOffset } = await harness.head(tides)
    for (const beforeOffset of [1, settled.mergedOffset + 1, settled.settledOffset + 5, nextOffset]) {
      const request = { topic: 'tides', partition: 0, beforeOffset: toOffset(beforeOffset) }
      await harness.run(broker.deleteRecords(request))
      expect([beforeOffset, await problemsOf()]).toEqual([beforeOffset, []])
      await harness.maintain()
      expect([beforeOffset, await problemsOf()]).toEqual([beforeOffset, []])
    }
  })
})

describe('damage to what has settled is found:', () => {
  test('an item that is gone, wherever it was', async () => {
    for (const { level, segment } of await harness.segments(tides)) {
      const problems = await withSegments(placed => (placed.segment.id === segment.id ? undefined : placed))
      const sum =
        'its segments do not add up to the sum in its head: one is missing, or stands in the place of another'
      const all = expect.arrayContaining([`error: tides/0: ${sum}`])
      expect([level, segment.baseOffset, problems]).toEqual([level, segment.baseOffset, all])
      expect(problems.join()).toContain(
        `offsets ${segment.baseOffset} to ${segment.end - 1} are in no segment`,
      )
    }
  })

  test('an older item in the place of one', async () => {
    const { segment } = await firstMerged()
    const problems = await withSegments(placed =>
      placed.segment.id === segment.id ? { ...placed, segment: { ...segment, id: 'ab'.repeat(16) } } : placed,
    )
    expect(problems[0]).toContain('it is not there')
    expect(problems[1]).toContain('one is missing, or stands in the place of another')
  })

  test('an item that says something else than its object', async () => {
    const { segment, place } = await firstMerged()
    for (const change of [{ records: 1 }, { maxTimestampMs: 5 }, { loggedBytes: 1 }]) {
      const problems = await withSegments(placed =>
        placed.segment.id === segment.id ? { ...placed, segment: { ...segment, ...change } } : placed,
      )
      expect(problems[0]).toContain(`${place}: its footer says something else than its item`)
    }
  })

  test('a head whose merged segments reach later than it says', async () => {
    const { segment } = await firstMerged()
    const head = (await harness.plain.index.readHead(tides))!
    const mergedMaxMs = segment.maxTimestampMs - 1
    const readHead = async () => ({ ...head, settled: { ...head.settled, mergedMaxMs } })
    const merged = (await harness.segments(tides)).filter(({ level }) => level !== 'rolled')
    expect(await problemsOf({ readHead })).toContain(
      `error: tides/0: its merged segment at offset ${segment.baseOffset} reaches ${segment.maxTimestampMs}; the head says ${mergedMaxMs}`,
    )
    expect(head.settled.mergedMaxMs).toBe(Math.max(...merged.map(each => each.segment.maxTimestampMs)))
  })

  test('an object that is gone, or cut short', async () => {
    const { segment, key, bytes, put, place } = await firstMerged()
    await put(bytes.subarray(0, bytes.length - 1))
    expect(await problemsOf()).toEqual([
      `${place}: ${bytes.length} bytes should be in ${key}; it ends before`,
    ])
    await put(bytes.subarray(0, segment.bytes - 1))
    expect(await problemsOf()).toEqual([
      `${place}: ${bytes.length} bytes should be in ${key}; it ends before`,
    ])
    await harness.plain.objects.remove(key)
    expect(await problemsOf()).toEqual([
      `${place}: ${bytes.length} bytes should be in ${key}; it is not there`,
    ])
  })

  test('a footer in which a byte has changed', async () => {
    const { segment, key, bytes, put, place } = await firstMerged()
    for (let position = segment.bytes; position < bytes.length; position += 1) {
      const bad = Uint8Array.from(bytes)
      bad[position]! ^= 0x10
      await put(bad)
      const problems = await problemsOf({}, false)
      expect([position, problems]).toEqual([
        position,
        [expect.stringContaining(`${place}: the footer of ${key} is damaged`)],
      ])
    }
  })

  test("another partition's object", async () => {
    const { segment, bytes, put, place } = await firstMerged()
    const footer = decodeFooter(bytes.subarray(segment.bytes))
    await put(Buffer.concat([bytes.subarray(0, segment.bytes), encodeFooter({ ...footer, partition: 7 })]))
    expect((await problemsOf()).join()).toContain(`${place}: its footer is of partition 7 of topic tides`)
  })

  test('any byte of its batches, by a deep look', async () => {
    const { segment, bytes, put } = await firstMerged()
    for (const position of [
      0,
      7,
      8,
      16,
      17,
      23,
      57,
      61,
      3_000,
      Math.floor(segment.bytes / 2),
      segment.bytes - 1,
    ]) {
      const bad = Uint8Array.from(bytes)
      bad[position]! ^= 0x01
      await put(bad)
      expect([position, await problemsOf({}, false)]).toEqual([position, []])
      expect([position, (await problemsOf()).length > 0]).toEqual([position, true])
    }
    await put(bytes)
    expect(await problemsOf()).toEqual([])
  })

  test('marks at which no batch begins, and times that are not those of the batches', async () => {
    const { segment, bytes, put, place } = await firstMerged()
    const footer = decodeFooter(bytes.subarray(segment.bytes))
    const stretches = [...footer.marks.stretches()]
    expect(stretches.length).toBeGreaterThan(2)
    const end = { span: segment.end - segment.baseOffset, bytes: segment.bytes }
    const withMarks = (marks: typeof stretches) => {
      const changed = encodeFooter({ ...footer, marks: new SparseIndex(marks, end) })
      return Buffer.concat([bytes.subarray(0, segment.bytes), changed])
    }
    await put(
      withMarks(
        stretches.map((stretch, at) => (at === 1 ? { ...stretch, bytes: stretch.bytes + 1 } : stretch)),
      ),
    )
    expect((await problemsOf()).join()).toContain(place)
    await put(
      withMarks(
        stretches.map((stretch, at) =>
          at === 1 ? { ...stretch, maxTimestampMs: stretch.maxTimestampMs + 1 } : stretch,
        ),
      ),
    )
    expect((await problemsOf()).join()).toContain(`its footer says ${stretches[1]!.maxTimestampMs + 1}`)
  })

  test('a block that has vanished behind what has settled', async () => {
    const { settled } = await harness.head(tides)
    expect(settled.settledOffset).toBeGreaterThan(0)
    const blocks = await harness.plain.index.readBlocks(tides, settled.settledOffset, 100)
    expect(blocks.length).toBeGreaterThan(1)
    const problems = await problemsOf({
      readBlocks: async (id, offset, limit) =>
        (await harness.plain.index.readBlocks(id, offset, limit)).filter(
          ({ baseOffset }) => baseOffset !== settled.settledOffset,
        ),
    })
    expect(problems.join()).toContain('does not follow the block before it')
  })
})

describe('what nothing names is left over:', () => {
  const stray = () => logObjectKey(tides, toOffset(1_000), 'cd'.repeat(16))

  test('an object of a log without an item and without a note', async () => {
    const key = stray()
    await harness.plain.objects.put(key, [new Uint8Array(12)])
    expect(await problemsOf()).toEqual([])
    await harness.pass(60_001)
    expect(await problemsOf()).toEqual([`leftover: ${key}: no item and no note names it (12 bytes)`])
    await harness.plain.upkeep.putNote({ kind: 'intent', key, level: 'rolled', notedMs: 1 })
    expect(await problemsOf()).toEqual([])
  })

  test('a start that another one has gone beyond', async () => {
    const markers = [3, 9].map(offset => startMarkerKey(tides, toOffset(offset)))
    for (const key of markers) await harness.plain.objects.put(key, [])
    await harness.pass(60_001)
    expect(await problemsOf()).toEqual([`leftover: ${markers[0]}: no item and no note names it (0 bytes)`])
  })

  test('objects of a topic that nobody knows', async () => {
    const key = logObjectKey({ topicId: 'nobody', partition: 1 }, toOffset(5), 'cd'.repeat(16))
    await harness.plain.objects.put(key, [new Uint8Array(12)])
    await harness.pass(60_001)
    expect(await problemsOf()).toEqual([`leftover: ${key}: no item and no note names it (12 bytes)`])
    const note = {
      kind: 'topic' as const,
      topicId: 'nobody',
      name: 'n',
      partitions: 2,
      notedMs: 1,
      sweeps: 0,
    }
    await harness.plain.upkeep.putNote(note)
    expect(await problemsOf()).toEqual([])
  })
})

test('a look beside those who settle finds nothing wrong', async () => {
  harness.around = async (_, __, call) => {
    await harness.clock.sleep(harness.entropy.integer(0, 3))
    return await call()
  }
  let isDone = false
  const errors: Finding[] = []
  const verifying = (async () => {
    while (!isDone) {
      for await (const finding of verify(harness.ports, new VerifySummary(), { isDeep: true })) {
        if (finding.severity === 'error') errors.push(finding)
      }
      await harness.clock.sleep(1_700)
    }
  })()
  for (let round = 0; round < 4; round += 1) {
    await produce(1)
    await cut()
    await harness.pass(TINY.roundMs)
    await harness.maintain()
  }
  isDone = true
  await harness.run(verifying)
  expect(errors).toEqual([])
})
