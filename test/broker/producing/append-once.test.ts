import { beforeEach, describe, expect, test } from 'vitest'
import { appendEntry } from '../../../src/broker/producing/append-once.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import type { IndexEntry } from '../../../src/core/log/entry.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { NotApplied, OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { everyEntry, freshPartition, inlineEntry } from '../../conformance/samples.ts'
import { Harness } from '../harness.ts'

let harness: Harness
let partition: PartitionId

beforeEach(async () => {
  harness = new Harness()
  partition = freshPartition()
  await harness.plain.index.createHead(partition, 0)
})

const append = (entry: IndexEntry, seen = 0, deadlineMs = harness.clock.monotonicMs() + 30_000) =>
  appendEntry(
    harness.ports,
    partition,
    entry,
    { nextOffset: toOffset(seen), producers: new Map() },
    deadlineMs,
  )

const appendPlain = async (entry: IndexEntry) => {
  const head = await harness.plain.index.readHead(partition)
  await harness.plain.index.append(partition, entry, head!.nextOffset)
}
const flushAll = () => flush(harness.plain, [{ partition, age: 'all' }], harness.clock.monotonicMs() + 60_000)

/** Makes the first appends go as told, and all others as they should. */
function tries(...steps: ((call: () => Promise<unknown>) => Promise<unknown>)[]): void {
  harness.around = (method, _, call) => (method === 'append' && steps.shift()?.(call)) || call()
}
const timesOut = async () => {
  throw new OutcomeUnknown('timed out before it began')
}
const landsAndTimesOut = async (call: () => Promise<unknown>) => {
  await call()
  throw new OutcomeUnknown('timed out after it was done')
}

test('an append tells the offset that it got', async () => {
  expect((await append(inlineEntry(3))).baseOffset).toBe(0)
  expect((await append(inlineEntry(2))).baseOffset).toBe(3)
})

describe('a try of unknown outcome', () => {
  test('that had not landed is made up for', async () => {
    tries(timesOut, timesOut)
    expect((await harness.run(append(inlineEntry(3)))).baseOffset).toBe(0)
    expect(await harness.plain.index.readHead(partition)).toMatchObject({ nextOffset: 3 })
  })

  test('that had landed is found in the tail', async () => {
    const entry = inlineEntry(3)
    tries(async call => {
      await appendPlain(inlineEntry(5))
      return await landsAndTimesOut(call)
    })
    const appended = await harness.run(append(entry))
    expect(appended.baseOffset).toBe(5)
    expect(await harness.plain.index.readHead(partition)).toMatchObject({ nextOffset: 8 })
  })

  test('that had landed and was flushed away is found in the blocks, however many there are', async () => {
    for (const before of [0, 1, 40]) {
      for (const after of [0, 1, 60]) {
        partition = freshPartition()
        await harness.plain.index.createHead(partition, 0)
        const entry = inlineEntry(3)
        tries(async call => {
          for (let number = 0; number < before; number += 1) {
            await appendPlain(inlineEntry(2))
            await flushAll()
          }
          // What was seen is behind the tail now: this try is refused, as it would be.
          const outcome = (await call()) as { kind: string }
          if (before === 0) expect(outcome.kind).toBe('appended')
          for (let number = 0; number < after; number += 1) {
            await flushAll()
            await appendPlain(inlineEntry(1))
          }
          throw new OutcomeUnknown('timed out')
        })
        const { baseOffset } = await harness.run(append(entry))
        const found = await everyEntry(harness.plain.index, partition)
        expect(found.get(entry.id)).toBe(baseOffset)
        expect(found.size).toBe(before + after + 1)
      }
    }
  })

  test('that lands late, between two later tries, is counted once', async () => {
    const entry = inlineEntry(3)
    let late: () => Promise<unknown> = async () => {}
    tries(
      async call => {
        late = call
        throw new OutcomeUnknown('on its way')
      },
      async () => {
        await late()
        await flushAll()
        throw new OutcomeUnknown('timed out, too')
      },
    )
    const { baseOffset } = await harness.run(append(entry))
    expect(baseOffset).toBe(0)
    expect((await everyEntry(harness.plain.index, partition)).size).toBe(1)
  })

  test('can land no more once it has been looked for', async () => {
    const entry = inlineEntry(3)
    let late: () => Promise<unknown> = async () => {}
    tries(async call => {
      late = call
      await appendPlain(inlineEntry(4))
      await flushAll()
      throw new OutcomeUnknown('on its way')
    })
    const { baseOffset } = await harness.run(append(entry))
    expect(baseOffset).toBe(4)
    expect(await late()).toMatchObject({ kind: 'refused' })
    await flushAll()
    expect(await late()).toMatchObject({ kind: 'refused' })
    expect((await everyEntry(harness.plain.index, partition)).size).toBe(2)
  })

  test('is looked for again where the look-up itself fails', async () => {
    const entry = inlineEntry(3)
    let failures = 0
    let appends = 0
    harness.around = async (method, _, call) => {
      if (method === 'readBlocks' && failures++ < 3) throw new NotApplied('throttled')
      if (method !== 'append' || appends++ > 0) return await call()
      await call()
      await flushAll()
      throw new OutcomeUnknown('timed out')
    }
    expect((await harness.run(append(entry))).baseOffset).toBe(0)
    expect(failures).toBeGreaterThan(3)
    expect((await everyEntry(harness.plain.index, partition)).size).toBe(1)
  })

  test('whose place has been deleted since stays unknown, and is not written again', async () => {
    tries(async call => {
      await call()
      for (let number = 0; number < 3; number += 1) {
        await appendPlain(inlineEntry(2))
        await flushAll()
      }
      const head = await harness.plain.index.readHead(partition)
      await harness.plain.index.moveStart(partition, head!.nextOffset)
      await harness.plain.index.removeBlocksBelow(partition, head!.nextOffset)
      throw new OutcomeUnknown('timed out')
    })
    const error = await harness.errorOf(append(inlineEntry(3)))
    expect(error).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'unknown' })
    expect(await harness.plain.index.readHead(partition)).toMatchObject({ nextOffset: 9 })
  })
})

describe('a block that is missing between others', () => {
  test('leaves it open whether the entry was in it', async () => {
    const { readBlocks } = harness.plain.index
    await appendPlain(inlineEntry(1))
    await flushAll()
    tries(async call => {
      expect(await call()).toMatchObject({ kind: 'appended' })
      for (let number = 0; number < 2; number += 1) {
        await flushAll()
        await appendPlain(inlineEntry(1))
      }
      throw new OutcomeUnknown('timed out')
    })
    const wrapped = harness.around
    harness.around = async (method, args, call) => {
      if (method !== 'readBlocks') return await wrapped(method, args, call)
      const [id, offset, limit] = args as Parameters<typeof readBlocks>
      const blocks = await readBlocks.call(harness.plain.index, id, offset, limit)
      return blocks.filter(({ baseOffset }) => baseOffset !== 1)
    }
    const error = await harness.errorOf(append(inlineEntry(1), 1))
    expect(error).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'unknown' })
  })
})

describe('an append that does not succeed', () => {
  test('tells that nothing was written where every try was refused', async () => {
    harness.around = async (method, _, call) => {
      if (method === 'append') throw new NotApplied('throttled')
      return await call()
    }
    expect(await harness.errorOf(append(inlineEntry(1)))).toMatchObject({
      kafkaName: 'REQUEST_TIMED_OUT',
      written: 'no',
    })
  })

  test('tells that nobody knows where one try was of unknown outcome', async () => {
    let appends = 0
    harness.around = async (method, _, call) => {
      if (method !== 'append') return await call()
      throw appends++ === 2 ? new OutcomeUnknown('timed out') : new NotApplied('throttled')
    }
    expect(await harness.errorOf(append(inlineEntry(1)))).toMatchObject({ written: 'unknown' })
  })

  test('ends at its deadline', async () => {
    harness.around = async () => {
      throw new NotApplied('throttled')
    }
    const deadlineMs = harness.clock.monotonicMs() + 5_000
    await harness.errorOf(append(inlineEntry(1), 0, deadlineMs))
    expect(harness.clock.monotonicMs()).toBeLessThanOrEqual(deadlineMs)
  })

  test('tells that the partition is gone, and what that means for the records', async () => {
    await harness.plain.index.removePartition(partition)
    expect(await harness.errorOf(append(inlineEntry(1)))).toMatchObject({
      kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION',
      written: 'no',
    })
    tries(timesOut)
    expect(await harness.errorOf(append(inlineEntry(1)))).toMatchObject({
      kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION',
      written: 'unknown',
    })
  })

  test('passes on what no other try can help', async () => {
    harness.around = async () => {
      throw new RangeError('a defect')
    }
    await expect(append(inlineEntry(1))).rejects.toThrow(RangeError)
  })
})
