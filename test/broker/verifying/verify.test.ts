import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { VerifySummary } from '../../../src/broker/verifying/finding.ts'
import { verify } from '../../../src/broker/verifying/verify.ts'
import type { Block } from '../../../src/core/log/block.ts'
import type { IndexEntry } from '../../../src/core/log/entry.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { segmentKey } from '../../../src/core/storage-layout.ts'
import type { LogIndex } from '../../../src/ports/log-index.ts'
import { batchOf, Harness, joined, numbered } from '../harness.ts'

let harness: Harness
let broker: LogBroker

const ORPHAN_AGE_MS = 60_000

/** A store with blocks, object entries and inline entries in the tail, and several batches in an entry. */
beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }))
  let next = 0
  const produce = (padding: number, batches = 1) => {
    const parts = Array.from({ length: batches }, (_, part) =>
      batchOf(numbered(next + 2 * part, 2), { padding }),
    )
    next += 2 * batches
    return harness.run(broker.produce({ topic: 'tides', partition: 0, batches: joined(parts) }))
  }
  for (let number = 0; number < 6; number += 1) {
    await produce(number % 2 ? 3_000 : 20, 3)
    if (number % 2) await harness.run(harness.open().close())
  }
  await produce(50_000, 4)
  await produce(20)
})

const errorsOf = async () => (await harness.verify()).findings.filter(({ severity }) => severity === 'error')
const problemsOf = async () => (await errorsOf()).map(({ place, problem }) => `${place}: ${problem}`)

/** Of the object that a block's first entry is in. */
async function keyOf(baseOffset = 6): Promise<string> {
  const blocks = await harness.plain.index.readBlocks(
    await harness.partitionId('tides'),
    toOffset(baseOffset),
    1,
  )
  const place = blocks[0]?.entries[0]?.place
  if (place?.kind !== 'object') throw new Error('there is no such object')
  return segmentKey(place.object)
}
async function bytesOf(key: string): Promise<Uint8Array> {
  return (await harness.plain.objects.get(key, toPosition(0), 100_000_000))!
}

/** Findings with the index changed on its way to whoever reads it. */
async function withIndex(changed: Partial<LogIndex>): Promise<string[]> {
  const index = new Proxy(harness.plain.index, {
    get: (target, name) => {
      const value = Reflect.get(changed, name) ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const problems: string[] = []
  for await (const { severity, place, problem } of verify({ ...harness.plain, index }, new VerifySummary())) {
    if (severity === 'error') problems.push(`${place}: ${problem}`)
  }
  return problems
}

const withHead = (change: (head: Head) => Head) =>
  withIndex({
    readHead: async id => {
      const head = await harness.plain.index.readHead(id)
      return head && id.partition === 0 ? change(head) : head
    },
  })

const withBlocks = (change: (block: Block) => Block | undefined) =>
  withIndex({
    readBlocks: async (id, offset, limit) => {
      const all = await harness.plain.index.readBlocks(id, toOffset(0), 1_000)
      const left = all.map(change).filter(block => block !== undefined)
      const first = Math.max(
        0,
        left.findLastIndex(({ baseOffset }) => baseOffset <= offset),
      )
      return left.slice(first, first + limit)
    },
  })

const changeFirst = (block: Block, change: Partial<IndexEntry>): Block => ({
  ...block,
  entries: block.entries.map((entry, at) => (at === 0 ? { ...entry, ...change } : entry)),
})

test('a healthy store has nothing to be told, and all of it is looked at', async () => {
  const { findings, summary } = await harness.verify()
  expect(findings).toEqual([])
  expect(summary).toMatchObject({ topics: 1, partitions: 2, blocks: 3, entries: 8, batches: 23, records: 46 })
  expect(summary.bytes).toBeGreaterThan(200_000)
  expect(summary.objects).toBeGreaterThan(4)
  expect(summary.orphanBytes).toBe(0)
})

test('an empty store has nothing to be told', async () => {
  harness = new Harness()
  expect((await harness.verify()).findings).toEqual([])
})

test('a store whose start was moved is healthy', async () => {
  for (const beforeOffset of [1, 7, 13, 30, 46]) {
    await harness.run(
      broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(beforeOffset) }),
    )
    expect([beforeOffset, await problemsOf()]).toEqual([beforeOffset, []])
  }
})

describe('damage to objects is found:', () => {
  test('any byte that is changed', async () => {
    const keys: string[] = []
    for await (const { key } of harness.plain.objects.list()) keys.push(key)
    for (const key of keys) {
      const good = await bytesOf(key)
      for (const position of [8, 16, 17, 21, 60, 61, Math.floor(good.length / 2), good.length - 1]) {
        const bad = Uint8Array.from(good)
        bad[position]! ^= 0x01
        await harness.plain.objects.put(key, [bad])
        expect([key, position, (await errorsOf()).length > 0]).toEqual([key, position, true])
      }
      await harness.plain.objects.put(key, [good])
    }
    expect(await problemsOf()).toEqual([])
  })

  test('an object that is cut short', async () => {
    const key = await keyOf()
    const good = await bytesOf(key)
    for (const bytes of [good.length - 1, 61, 0]) {
      await harness.plain.objects.put(key, [good.subarray(0, bytes)])
      const problems = await problemsOf()
      expect(problems).toEqual([
        `tides/0 block 6 offset 6: ${good.length} bytes should be in ${key}; only ${bytes} are`,
      ])
    }
  })

  test('an object that is gone', async () => {
    const key = await keyOf()
    await harness.plain.objects.remove(key)
    expect((await problemsOf()).join()).toContain(`${key}; it is not there`)
  })

  test('two objects that were exchanged', async () => {
    const left = await keyOf()
    const right = await keyOf(0)
    const bytes = [await bytesOf(left), await bytesOf(right)]
    await harness.plain.objects.put(left, [bytes[1]!])
    await harness.plain.objects.put(right, [bytes[0]!])
    // Each holds its own number of bytes, which the other's entry does not name.
    const [long, short] = bytes.map(({ length }) => length).toSorted((one, other) => other - one)
    expect(await problemsOf()).toEqual([
      expect.stringContaining(
        `block 0 offset 0: The batch says it has 6095 bytes, but only ${short} are there.`,
      ),
      expect.stringContaining(`block 6 offset 6: ${long} bytes should be in ${left}; only ${short} are`),
    ])
  })
})

describe('damage to the index is found:', () => {
  test('a block that is gone, wherever it was', async () => {
    const blocks = await harness.plain.index.readBlocks(await harness.partitionId('tides'), toOffset(0), 100)
    expect(blocks).toHaveLength(3)
    for (const { baseOffset } of blocks) {
      const problems = await withBlocks(block => (block.baseOffset === baseOffset ? undefined : block))
      expect([baseOffset, problems.length > 0]).toEqual([baseOffset, true])
    }
    expect(await withBlocks(() => undefined)).toEqual(['tides/0: offsets 0 to 29 are in no block'])
  })

  test('entries that say something else than the bytes do', async () => {
    const changes: Partial<IndexEntry>[] = [
      { span: 5 },
      { span: 7 },
      { bytes: 61 },
      { maxTimestampMs: 1 },
      { place: { kind: 'inline', payload: new Uint8Array(0) } },
      { place: { kind: 'object', object: 'ff'.repeat(16), epoch: 0, position: toPosition(0) } },
      { marks: [{ span: 1, bytes: 70 }] },
    ]
    for (const change of changes) {
      const problems = await withBlocks(block => changeFirst(block, change))
      expect([change, problems.length > 0]).toEqual([change, true])
    }
  })

  test('a block with less or more in it', async () => {
    expect(await withBlocks(block => ({ ...block, entries: block.entries.slice(1) }))).toEqual([
      'tides/0 block 6: does not follow the block before it: expected offset 0',
      'tides/0 block 18: does not follow the block before it: expected offset 12',
      'tides/0 block 18: its sums do not add up',
      'tides/0: offsets 24 to 29 are in no block',
    ])
    expect(await withBlocks(block => ({ ...block, entries: [] }))).toEqual([
      'tides/0 block 6: does not follow the block before it: expected offset 0',
      'tides/0 block 6: holds no records',
      'tides/0 block 18: does not follow the block before it: expected offset 6',
      'tides/0 block 18: holds no records',
      'tides/0 block 18: its sums do not add up',
      'tides/0: offsets 18 to 29 are in no block',
    ])
    const doubled = await withBlocks(block => ({ ...block, entries: [...block.entries, block.entries[0]!] }))
    expect(doubled).toEqual([
      'tides/0 block 6: does not follow the block before it: expected offset 12',
      'tides/0 block 6: its sums do not add up',
      'tides/0 block 18: does not follow the block before it: expected offset 24',
      'tides/0 block 18: its sums do not add up',
      'tides/0: offsets 36 to 29 are in no block',
    ])
  })

  test('sums that do not add up', async () => {
    const wrong = await withBlocks(block =>
      block.baseOffset === 6
        ? { ...block, summary: { ...block.summary, bytes: block.summary.bytes + 1 } }
        : block,
    )
    expect(wrong.join()).toContain('sums')
    const flushed = await withHead(head => ({ ...head, flushed: { bytes: 1, maxTimestampMs: 2 } }))
    expect(flushed.join()).toContain('sums')
  })

  test('heads that do not add up', async () => {
    const changes: ((head: Head) => Partial<Head>)[] = [
      head => ({ nextOffset: toOffset(head.nextOffset + 1) }),
      head => ({ startOffset: toOffset(head.nextOffset + 1) }),
      head => ({ tail: head.tail.slice(1) }),
      head => ({ tail: [...head.tail, head.tail[0]!] }),
      head => ({ tail: head.tail.toReversed(), tailOffset: toOffset(head.tailOffset + 1) }),
      head => ({ tailOffset: toOffset(head.tailOffset + 1) }),
    ]
    for (const change of changes) {
      const problems = await withHead(head => ({ ...head, ...change(head) }))
      expect([change.toString(), problems.length > 0]).toEqual([change.toString(), true])
    }
  })

  test('a damaged inline entry', async () => {
    const problems = await withHead(head => ({
      ...head,
      tail: head.tail.map(entry => {
        if (entry.place.kind !== 'inline') return entry
        const payload = Uint8Array.from(entry.place.payload)
        payload[70]! ^= 1
        return { ...entry, place: { kind: 'inline' as const, payload } }
      }),
    }))
    expect(problems.join()).toContain('tail')
  })

  test('a partition without a head', async () => {
    await harness.plain.index.removePartition(await harness.partitionId('tides', 1))
    expect(await problemsOf()).toEqual(['tides/1: has no head: nothing can be appended'])
  })
})

describe('a check that goes on at a partition', () => {
  const goOnAt = async (topic: string, partition: number) => {
    const summary = new VerifySummary()
    const findings: string[] = []
    for await (const { place } of verify(harness.plain, summary, { from: { topic, partition } })) {
      findings.push(place)
    }
    return { findings, batches: summary.batches, partitions: summary.partitions }
  }

  beforeEach(async () => {
    await harness.plain.objects.remove(await keyOf())
    await harness.pass(ORPHAN_AGE_MS + 1)
  })

  test('leaves out the damage of those before it, and takes nothing of theirs for left over', async () => {
    expect(await goOnAt('tides', 1)).toEqual({ findings: [], batches: 0, partitions: 2 })
    expect(await goOnAt('zones', 0)).toEqual({ findings: [], batches: 0, partitions: 2 })
  })

  test('looks at that one, and at all behind it', async () => {
    expect(await goOnAt('tides', 0)).toMatchObject({ findings: ['tides/0 block 6 offset 6'], batches: 20 })
    expect(await goOnAt('tide', 7)).toMatchObject({ findings: ['tides/0 block 6 offset 6'], batches: 20 })
  })
})

test('where it stands is told as it goes on', async () => {
  const summary = new VerifySummary()
  const places: unknown[] = []
  const readHead: LogIndex['readHead'] = id => {
    places.push(summary.at)
    return harness.plain.index.readHead(id)
  }
  const index = new Proxy(harness.plain.index, {
    get: (target, name) => (name === 'readHead' ? readHead : Reflect.get(target, name, target)),
  })
  for await (const finding of verify({ ...harness.plain, index }, summary)) places.push(finding)
  expect(places).toEqual([
    { topic: 'tides', partition: 0 },
    { topic: 'tides', partition: 1 },
  ])
  expect(summary).toMatchObject({ at: null, partitions: 2, partitionsInAll: 2 })
})

describe('what nothing refers to is a leftover and no error:', () => {
  test('an object, once it is old enough not to belong to a commit under way', async () => {
    const key = segmentKey('ab'.repeat(16))
    await harness.plain.objects.put(key, [new Uint8Array(123)])
    expect((await harness.verify()).findings).toEqual([])
    await harness.pass(ORPHAN_AGE_MS + 1)
    const { findings, summary } = await harness.verify()
    expect(findings).toEqual([{ severity: 'leftover', place: key, problem: expect.stringContaining('123') }])
    expect(summary.orphanBytes).toBe(123)
  })

  test('an object of a name that is not ours', async () => {
    await harness.plain.objects.put('notes.txt', [new Uint8Array(5)])
    await harness.pass(ORPHAN_AGE_MS + 1)
    expect((await harness.verify()).findings).toMatchObject([{ severity: 'leftover', place: 'notes.txt' }])
  })

  test('a log of no topic', async () => {
    await harness.plain.index.createHead({ topicId: 'nobody', partition: 4 }, 0)
    expect((await harness.verify()).findings).toMatchObject([{ severity: 'leftover', place: 'nobody#4' }])
  })

  test('a partition beyond what its topic has', async () => {
    const { topicId } = await harness.partitionId('tides')
    await harness.plain.index.createHead({ topicId, partition: 7 }, 0)
    expect((await harness.verify()).findings).toMatchObject([{ severity: 'leftover', place: `${topicId}#7` }])
  })

  test('the objects of a deleted topic', async () => {
    await harness.run(broker.deleteTopic('tides'))
    await harness.pass(ORPHAN_AGE_MS + 1)
    const { findings, summary } = await harness.verify()
    // All but the tombstone, by which a lost index is made anew without the topic.
    expect(findings.length).toBe(summary.objects - 1)
    expect(findings.every(({ severity }) => severity === 'leftover')).toBe(true)
  })
})

test('verifying beside producers finds nothing wrong', async () => {
  broker.start()
  let isDone = false
  const producing = (async () => {
    for (let number = 0; number < 60; number += 1) {
      await broker.produce({ topic: 'tides', partition: number % 2, batches: batchOf([`${number}`]) })
      await harness.clock.sleep(100)
    }
    isDone = true
  })()
  const findings: unknown[] = []
  const verifying = (async () => {
    while (!isDone) {
      for await (const finding of verify(harness.ports, new VerifySummary())) {
        if (finding.severity === 'error') findings.push(finding)
        await harness.clock.sleep(1)
      }
      await harness.clock.sleep(37)
    }
  })()
  harness.around = async (_, __, call) => {
    await harness.clock.sleep(harness.entropy.integer(0, 3))
    return await call()
  }
  await harness.run(Promise.all([producing, verifying]))
  expect(findings).toEqual([])
})

test('verifying beside those who delete finds nothing wrong', async () => {
  await harness.run(broker.createTopic({ topic: 'brief', partitions: 3 }))
  for (let number = 0; number < 40; number += 1) {
    await harness.run(broker.produce({ topic: 'tides', partition: 1, batches: batchOf([`${number}`]) }))
    await harness.run(
      broker.produce({ topic: 'brief', partition: number % 3, batches: batchOf([`${number}`]) }),
    )
    if (number % 4 === 0) await harness.run(harness.open().close())
  }
  harness.around = async (_, __, call) => {
    await harness.clock.sleep(harness.entropy.integer(0, 5))
    return await call()
  }
  let isDone = false
  const deleting = (async () => {
    for (let beforeOffset = 1; beforeOffset <= 40; beforeOffset += 1) {
      await broker.deleteRecords({ topic: 'tides', partition: 1, beforeOffset: toOffset(beforeOffset) })
      if (beforeOffset === 20) await broker.deleteTopic('brief')
    }
    isDone = true
  })()
  const errors: unknown[] = []
  const verifying = (async () => {
    while (!isDone) {
      for await (const finding of verify(harness.ports, new VerifySummary())) {
        if (finding.severity === 'error') errors.push(finding)
      }
    }
  })()
  await harness.run(Promise.all([deleting, verifying]))
  expect(errors).toEqual([])
})
