import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Change, endOf, type Item, type Items, removal } from '../../../src/adapters/items/items.ts'
import { TypedItems } from '../../../src/adapters/items/typed-items.ts'
import { BODIES, type OpenItems } from './bodies.ts'

/** In the order of their UTF-8 bytes; JavaScript's own order has U+FF5E behind the emoji. */
const IN_ORDER = [
  '',
  '\0',
  'a',
  'a\0',
  'a b',
  'a#',
  'a#0000000000000009',
  'a#0000000000000010',
  'a#1',
  'a#9',
  'a/',
  'a/head',
  'a0',
  'aa',
  'b',
  'z',
  '~',
  '\u007f',
  '\u0080',
  'ß',
  'été',
  '日本',
  '\ud7ff',
  '\ue000',
  '\uff5e',
  '\uffff',
  '😀',
  '😀😀',
  '\u{10ffff}',
]

/** Those, and some between them that are not there. */
const BOUNDS = [...IN_ORDER, 'a#00', 'a/h', 'c', 'ê', '\u{fffd}', '😀\0']

const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString()
const plain = (items: readonly Item[]) => items.map(({ key, value }) => [key, text(value)])
const byBytes = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other))
const shuffled = <T>(all: readonly T[]): T[] => all.map((_, index) => all[(index * 17 + 5) % all.length]!)

describe.each(BODIES)('items in $name', ({ open }) => {
  let opened: OpenItems
  let items: Items

  beforeEach(async () => {
    opened = await open()
    items = opened.items
  })
  afterEach(() => opened.close())

  const put = (key: string, value = key) =>
    items.update(key, () => ({ put: bytes(value), answer: undefined }))
  const putAll = async (keys: readonly string[]) => {
    for (const key of keys) await put(key)
  }
  const everything = async () => plain(await items.range('', '\u{10ffff}\u{10ffff}'))

  describe('get', () => {
    test('tells the bytes of that very key', async () => {
      await putAll(['a', 'a/b', 'A'])
      expect(text(await items.get('a/b'))).toBe('a/b')
      for (const other of ['', 'a/', 'a/b/', 'a/B', ' a', 'a ', 'a%']) {
        expect(await items.get(other)).toBeUndefined()
      }
    })

    test('tells keys apart that only look the same', async () => {
      await putAll(['\u00e9', 'e\u0301', 'ſ', 's'])
      for (const key of ['\u00e9', 'e\u0301', 'ſ', 's']) expect(text(await items.get(key))).toBe(key)
    })

    test.each([0, 1, 1_000, 300_000])('tells a value of %i bytes as it is', async count => {
      const value = Uint8Array.from({ length: count }, (_, index) => (index * 31) % 256)
      await items.update('a', () => ({ put: value, answer: undefined }))
      expect(Buffer.from((await items.get('a'))!).equals(value)).toBe(true)
      expect((await items.range('a', 'b'))[0]!.value).toHaveLength(count)
      expect((await items.lastUpTo('a', 'b'))!.value).toHaveLength(count)
    })
  })

  describe('update', () => {
    test('gets what stands there, and tells the answer', async () => {
      const seen: (string | undefined)[] = []
      const change = (next: Partial<Change<number>>) => (standing: Uint8Array | undefined) => {
        seen.push(text(standing))
        return { ...next, answer: seen.length }
      }
      expect(await items.update('a', change({}))).toBe(1)
      expect(await items.update('a', change({ put: bytes('one') }))).toBe(2)
      expect(await items.update('a', change({ put: bytes('two') }))).toBe(3)
      expect(await items.update('a', change({ isRemoved: true }))).toBe(4)
      expect(await items.update('a', change({ isRemoved: true }))).toBe(5)
      expect(seen).toEqual([undefined, undefined, 'one', 'two', undefined])
      expect(await everything()).toEqual([])
    })

    test('can put nothing at all, which is something', async () => {
      await items.update('a', () => ({ put: new Uint8Array(0), answer: undefined }))
      expect(await items.update('a', standing => ({ answer: standing?.length }))).toBe(0)
    })

    test('whose condition fails changes nothing', async () => {
      await putAll(['a', 'b', 'c'])
      const before = await everything()
      expect(await items.update('b', () => ({ answer: 'no' }))).toBe('no')
      expect(await items.update('b', () => ({ put: undefined, isRemoved: false, answer: 'no' }))).toBe('no')
      expect(await items.update('new', () => ({ answer: 'no' }))).toBe('no')
      expect(await everything()).toEqual(before)
    })

    test('that throws changes nothing, and fails alone', async () => {
      await put('a')
      const others = [put('b'), put('c')]
      const broken = items.update('a', () => {
        throw new RangeError('damaged')
      })
      await expect(broken).rejects.toThrow(/^damaged$/)
      await Promise.all([...others, put('d')])
      expect(await everything()).toEqual(['a', 'b', 'c', 'd'].map(key => [key, key]))
    })

    test('changes its own item only', async () => {
      await putAll(IN_ORDER)
      await put('a#9', 'another')
      await items.update('a#1', removal)
      const expected = IN_ORDER.filter(key => key !== 'a#1').map(key => [
        key,
        key === 'a#9' ? 'another' : key,
      ])
      expect(await everything()).toEqual(expected)
    })

    test('loses none of those that are asked for at the same time, and does them in that order', async () => {
      const append = (digit: string) =>
        items.update('a', standing => {
          const changed = `${text(standing) ?? ''}${digit}`
          return { put: bytes(changed), answer: changed }
        })
      const answers = await Promise.all([...'0123456789'].map(append))
      expect(answers).toEqual([...'0123456789'].map((_, index) => '0123456789'.slice(0, index + 1)))
      expect(text(await items.get('a'))).toBe('0123456789')
    })

    test('of which one of many wins, where that is the condition', async () => {
      const take = (name: number) =>
        items.update('a', standing =>
          standing ? { answer: false } : { put: bytes(`${name}`), answer: true },
        )
      const won = await Promise.all(Array.from({ length: 20 }, (_, name) => take(name)))
      expect(won.filter(isWon => isWon)).toHaveLength(1)
      expect(text(await items.get('a'))).toBe(String(won.indexOf(true)))
    })

    test('is seen by every read from then on', async () => {
      for (let number = 0; number < 20; number += 1) {
        await put('a', `${number}`)
        const reads = [items.get('a'), items.lastUpTo('', 'b').then(item => item?.value)]
        expect((await Promise.all(reads)).map(text)).toEqual([`${number}`, `${number}`])
        expect(plain(await items.range('a', 'b'))).toEqual([['a', `${number}`]])
      }
    })
  })

  describe('updateAll', () => {
    test('gets what stands at each key, changes each as it says, and tells the answer', async () => {
      await putAll(['a', 'b', 'c'])
      const answer = await items.updateAll(['c', 'new', 'a', 'b'], standing => ({
        changes: [{ put: bytes('other') }, { put: bytes('there') }, { isRemoved: true }, undefined],
        answer: standing.map(text),
      }))
      expect(answer).toEqual(['c', undefined, 'a', 'b'])
      expect(await everything()).toEqual([
        ['b', 'b'],
        ['c', 'other'],
        ['new', 'there'],
      ])
    })

    test('that throws changes nothing, and fails alone', async () => {
      await putAll(['a', 'b'])
      const others = [put('c')]
      const broken = items.updateAll(['a', 'b'], () => {
        throw new RangeError('cancelled')
      })
      await expect(broken).rejects.toThrow(/^cancelled$/)
      await Promise.all([...others, put('d')])
      expect(await everything()).toEqual(['a', 'b', 'c', 'd'].map(key => [key, key]))
    })

    test('is one step among those that are asked for at the same time', async () => {
      const move = (from: string, to: string) =>
        items.updateAll([from, to], ([standing]) => ({
          changes: standing ? [{ isRemoved: true }, { put: standing }] : [],
          answer: standing !== undefined,
        }))
      await put('a', 'it')
      const moved = await Promise.all([move('a', 'b'), move('a', 'c'), move('b', 'd'), move('d', 'a')])
      expect(moved).toEqual([true, false, true, true])
      expect(await everything()).toEqual([['a', 'it']])
    })
  })

  describe('bytes', () => {
    test('that somebody put can be changed without changing the item', async () => {
      const value = bytes('mine')
      await items.update('a', () => ({ put: value, answer: undefined }))
      value.fill(0)
      expect(text(await items.get('a'))).toBe('mine')
    })

    test('that somebody read can be changed without changing the item', async () => {
      await put('a', 'stands')
      const read = [
        (await items.get('a'))!,
        (await items.range('a', 'b'))[0]!.value,
        (await items.lastUpTo('', 'b'))!.value,
        (await items.update('a', standing => ({ answer: standing })))!,
      ]
      for (const value of read) {
        expect(text(value)).toBe('stands')
        value.fill(0)
      }
      expect(text(await items.get('a'))).toBe('stands')
    })
  })

  describe('range', () => {
    test('gives keys in the order of their bytes, in whichever order they came', async () => {
      await putAll(shuffled(IN_ORDER))
      expect(await everything()).toEqual(IN_ORDER.map(key => [key, key]))
    })

    test('gives those from its start to below its end, whether or not they are there', async () => {
      await putAll(shuffled(IN_ORDER))
      for (const start of BOUNDS) {
        for (const end of BOUNDS) {
          const expected = IN_ORDER.filter(key => byBytes(key, start) >= 0 && byBytes(key, end) < 0)
          expect([start, end, (await items.range(start, end)).map(({ key }) => key)]).toEqual([
            start,
            end,
            expected,
          ])
        }
      }
    })

    test('gives the first ones, where there are more than it may', async () => {
      await putAll(shuffled(IN_ORDER))
      for (const limit of [1, 2, 7, IN_ORDER.length, 1_000]) {
        const expected = IN_ORDER.slice(2, -1).slice(0, limit)
        expect((await items.range('a', '\u{10ffff}', limit)).map(({ key }) => key)).toEqual(expected)
      }
    })

    test.each(['a/', 'a#', 'groups/'])(
      'up to the end of what begins with %s gives all that does, and nothing else',
      async prefix => {
        const within = ['', '\0', '#', '/', '0', '~', 'ß', '\uffff', '\u{10ffff}'].map(rest => prefix + rest)
        const around = [prefix.slice(0, -1), endOf(prefix), `${prefix.slice(0, -1)}\0`, `b${prefix}`]
        await putAll(shuffled([...within, ...around]))
        expect((await items.range(prefix, endOf(prefix))).map(({ key }) => key)).toEqual(within)
      },
    )

    test('is of one moment, whatever changes afterwards', async () => {
      await putAll(['a', 'b', 'c'])
      const read = await items.range('a', 'z')
      await put('b', 'another')
      await items.removeRange('a', 'b')
      expect(plain(read)).toEqual(['a', 'b', 'c'].map(key => [key, key]))
    })
  })

  describe('lastUpTo', () => {
    test('gives the last from its first key to its last, both included', async () => {
      await putAll(shuffled(IN_ORDER))
      for (const first of BOUNDS) {
        for (const last of BOUNDS) {
          const expected = IN_ORDER.findLast(key => byBytes(key, first) >= 0 && byBytes(key, last) <= 0)
          const found = await items.lastUpTo(first, last)
          expect([first, last, found?.key, text(found?.value)]).toEqual([first, last, expected, expected])
        }
      }
    })

    test('gives none where there is none', async () => {
      expect(await items.lastUpTo('', '\u{10ffff}')).toBeUndefined()
      await put('b')
      expect(await items.lastUpTo('', 'a')).toBeUndefined()
      expect(await items.lastUpTo('c', 'd')).toBeUndefined()
      expect(await items.lastUpTo('b\0', 'd')).toBeUndefined()
    })
  })

  describe('removeRange', () => {
    test.each([
      ['a#', 'a/'],
      ['a#9', 'a#9'],
      ['b', 'a'],
      ['a#00', 'a#5'],
      ['z', '\u{10ffff}'],
      ['\ue000', '😀'],
      ['', '\u{10ffff}\0'],
    ])('takes those from %j to below %j, and no others', async (start, end) => {
      await putAll(shuffled(IN_ORDER))
      const gone = (await items.range(start, end)).map(({ key }) => key)
      await items.removeRange(start, end)
      expect(await everything()).toEqual(IN_ORDER.filter(key => !gone.includes(key)).map(key => [key, key]))
      for (const key of gone) expect(await items.get(key)).toBeUndefined()
      await items.removeRange(start, end)
      expect(await everything()).toHaveLength(IN_ORDER.length - gone.length)
    })

    test('keeps its place among changes that are asked for at the same time', async () => {
      await putAll(['a', 'b'])
      await Promise.all([put('c'), items.removeRange('a', 'd'), put('b', 'again')])
      expect(await everything()).toEqual([['b', 'again']])
    })
  })

  describe('of one kind', () => {
    let numbers: TypedItems<{ number: number }>

    beforeEach(() => {
      numbers = new TypedItems(items)
    })

    test('go on the condition that holds for what stands there then', async () => {
      await numbers.put('a', { number: 1 })
      expect(await numbers.remove('a', ({ number }) => number === 2)).toBe('kept')
      expect(await numbers.read('a')).toEqual({ number: 1 })
      const [, removed, again] = await Promise.all([
        numbers.put('a', { number: 2 }),
        numbers.remove('a', ({ number }) => number === 2),
        numbers.remove('a', () => true),
      ])
      expect([removed, again]).toEqual(['removed', 'missing'])
      expect(await numbers.read('a')).toBeUndefined()
    })

    test('tell what stood there, and what it became', async () => {
      const increase = (standing: { number: number } | undefined) => ({ number: (standing?.number ?? 0) + 1 })
      expect(await numbers.change('a', increase)).toEqual({ standing: undefined, changed: { number: 1 } })
      expect(await numbers.change('a', increase)).toEqual({
        standing: { number: 1 },
        changed: { number: 2 },
      })
      expect(await numbers.change('a', () => undefined)).toEqual({
        standing: { number: 2 },
        changed: undefined,
      })
      expect(await numbers.read('a')).toEqual({ number: 2 })
    })

    test('whose bytes are damaged are no others, and stay as they are', async () => {
      await put('a', '{"number":')
      const damaged = /^the item a of the index is damaged \(Unexpected end of JSON input\)/
      await expect(numbers.read('a')).rejects.toThrow(damaged)
      await expect(numbers.change('a', () => ({ number: 1 }))).rejects.toThrow(damaged)
      await expect(numbers.remove('a', () => true)).rejects.toThrow(damaged)
      await expect(numbers.range('a', 'b')).rejects.toThrow(damaged)
      expect(await everything()).toEqual([['a', '{"number":']])
    })
  })
})
