import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hasMoreItems } from '../../../../src/contract/http/requests/json-items.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** One for each list and object, and one for each comma between what they hold. */
function itemsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const held = Object.values(value)
  return 1 + Math.max(0, held.length - 1) + held.reduce((sum: number, each) => sum + itemsOf(each), 0)
}

test.each([
  ['5', 0],
  ['"a,[{"', 0],
  ['[]', 1],
  ['[1,2,3]', 3],
  ['{"a":{"b":[","]}}', 3],
  [String.raw`["\"",","]`, 2],
  [String.raw`["\\",","]`, 2],
  [String.raw`["\\\"[[[[",1]`, 2],
  ['["never ends, [', 1],
  ['[[[[', 4],
  ['', 0],
])('%s has %d', (text, items) => {
  expect([hasMoreItems(bytes(text), items), hasMoreItems(bytes(text), items - 1)]).toEqual([false, items > 0])
})

test('whatever it is that JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.json(), text => {
      const items = itemsOf(JSON.parse(text))
      // What has the same name twice has more in the text.
      const written = bytes(JSON.stringify(JSON.parse(text)))
      expect([hasMoreItems(written, items), hasMoreItems(written, items - 1)]).toEqual([false, items > 0])
    }),
  )
})
