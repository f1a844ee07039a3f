import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Items } from '../../../src/adapters/items/items.ts'
import { MemoryItems } from '../../../src/adapters/memory/memory-items.ts'
import { BODIES } from './bodies.ts'

/** What stands under a key, or a word that it is about. */
type Model = Map<string, string>

/** One operation, on items and on a plain map: both must tell the same. */
interface Operation {
  readonly name: string
  onItems(items: Items): Promise<unknown>
  onModel(model: Model): unknown
}

// Few, and near to each other, so that operations meet. In the order of UTF-8 and of JavaScript they differ.
const key = fc
  .array(fc.constantFrom('a', 'b', '#', '/', '\0', 'ß', '\ue000', '\uffff', '😀', '\u{10ffff}'), {
    maxLength: 3,
  })
  .map(parts => parts.join(''))
const value = fc.string({ maxLength: 3 })
const limit = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined })

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(key, value).map(([at, put]) => putting(at, put)) },
  { weight: 2, arbitrary: fc.tuple(key, value, value).map(([at, if_, put]) => putting(at, put, if_)) },
  { weight: 2, arbitrary: key.map(at => removing(at)) },
  { weight: 1, arbitrary: fc.tuple(key, value).map(([at, if_]) => removing(at, if_)) },
  { weight: 1, arbitrary: fc.tuple(key, key).map(([start, end]) => removingRange(start, end)) },
)
const reading: fc.Arbitrary<Operation> = fc.oneof(
  key.map(at => getting(at)),
  fc.tuple(key, key, limit).map(([start, end, most]) => ranging(start, end, most)),
  fc.tuple(key, key).map(([first, last]) => findingLast(first, last)),
)

/** Puts a value; with `expected` on the condition that this stands there, the empty text for nothing. */
function putting(at: string, put: string, expected?: string): Operation {
  const holds = (standing: string | undefined) => expected === undefined || (standing ?? '') === expected
  return {
    name: `put ${JSON.stringify([at, put, expected])}`,
    onItems: items =>
      items.update(at, bytes => {
        const standing = toText(bytes)
        return { put: holds(standing) ? new Uint8Array(Buffer.from(put)) : undefined, answer: standing }
      }),
    onModel: model => {
      const standing = model.get(at)
      if (holds(standing)) model.set(at, put)
      return standing
    },
  }
}

function removing(at: string, expected?: string): Operation {
  return {
    name: `remove ${JSON.stringify([at, expected])}`,
    onItems: items =>
      items.update(at, bytes => {
        const standing = toText(bytes)
        return { isRemoved: expected === undefined || standing === expected, answer: standing }
      }),
    onModel: model => {
      const standing = model.get(at)
      if (expected === undefined || standing === expected) model.delete(at)
      return standing
    },
  }
}

function removingRange(start: string, end: string): Operation {
  return {
    name: `remove from ${JSON.stringify([start, end])}`,
    onItems: items => items.removeRange(start, end),
    onModel: model => {
      for (const at of [...model.keys()])
        if (compare(at, start) >= 0 && compare(at, end) < 0) model.delete(at)
    },
  }
}

function getting(at: string): Operation {
  return {
    name: `get ${JSON.stringify(at)}`,
    onItems: async items => toText(await items.get(at)),
    onModel: model => model.get(at),
  }
}

function ranging(start: string, end: string, most: number | undefined): Operation {
  return {
    name: `range ${JSON.stringify([start, end, most])}`,
    onItems: async items => (await items.range(start, end, most)).map(item => [item.key, toText(item.value)]),
    onModel: model =>
      inOrder(model)
        .filter(([at]) => compare(at, start) >= 0 && compare(at, end) < 0)
        .slice(0, most),
  }
}

function findingLast(first: string, last: string): Operation {
  return {
    name: `last ${JSON.stringify([first, last])}`,
    onItems: async items => {
      const item = await items.lastUpTo(first, last)
      return item && [item.key, toText(item.value)]
    },
    onModel: model => inOrder(model).findLast(([at]) => compare(at, first) >= 0 && compare(at, last) <= 0),
  }
}

function toText(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString()
}

function compare(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

function inOrder(model: Model): [string, string][] {
  return [...model].sort(([one], [other]) => compare(one, other))
}

/** Changes that are asked for in one turn, and what is read when they are done. */
const turns = fc.array(
  fc.record({
    changes: fc.array(operation, { minLength: 1, maxLength: 6 }),
    reads: fc.array(reading, { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 12 },
)

const everything = ranging('', '\u{10ffff}'.repeat(4), undefined)

async function runBoth(items: Items, model: Model, turn: { changes: Operation[]; reads: Operation[] }) {
  const answers = (all: readonly Operation[], of: (one: Operation) => unknown) =>
    Promise.all(all.map(async one => [one.name, await of(one)]))
  const { changes, reads } = turn
  // What a map is told it does at once, one after the other: so must items that were told in one turn.
  const expected = await answers(changes, one => one.onModel(model))
  expect(await answers(changes, one => one.onItems(items))).toEqual(expected)
  const all = [...reads, everything]
  expect(await answers(all, one => one.onItems(items))).toEqual(await answers(all, one => one.onModel(model)))
}

describe.each(BODIES)('items in $name', ({ open }) => {
  test('do whatever a plain map does, in the order of bytes', async () => {
    const { items, close } = await open()
    try {
      await fc.assert(
        fc.asyncProperty(turns, async drawn => {
          await items.removeRange('', '\u{10ffff}'.repeat(4))
          const model: Model = new Map()
          for (const turn of drawn) await runBoth(items, model, turn)
        }),
        { numRuns: 150 },
      )
    } finally {
      await close()
    }
  })
})

test('an observer of items in memory hears of every change, and of nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(turns, async drawn => {
      const items = new MemoryItems()
      const told: Model = new Map()
      items.observe((at, before, after) => {
        expect([at, toText(before)]).toEqual([at, told.get(at)])
        expect([before, after]).not.toEqual([undefined, undefined])
        if (after) told.set(at, toText(after)!)
        else told.delete(at)
      })
      const model: Model = new Map()
      for (const turn of drawn) {
        await runBoth(items, model, turn)
        expect(inOrder(told)).toEqual(inOrder(model))
      }
    }),
  )
})
