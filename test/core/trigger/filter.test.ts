import { BlockList } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileFilters } from '../../../src/core/trigger/filter.ts'
import { record } from './records.ts'

/** Whether a record passes that has this value, as JSON, and one pattern for it. */
function fits(pattern: unknown, value: unknown): boolean {
  return compileFilters([JSON.stringify({ value: pattern })])(record({ value: JSON.stringify(value) }))
}

/** The same for one field of the value. */
function fieldFits(list: unknown, field: unknown): boolean {
  return fits({ field: list }, { field })
}

const STATE = { state: 'on', count: 5, tags: ['a', 'b'], none: null, isNew: true, inner: { deep: { x: 1 } } }

describe('a pattern for values', () => {
  test('wants every one of its fields, each by one of its entries', () => {
    expect(fits({ state: ['on'] }, STATE)).toBe(true)
    expect(fits({ state: ['off', 'on'] }, STATE)).toBe(true)
    expect(fits({ state: ['on'], count: [6] }, STATE)).toBe(false)
    expect(fits({ state: ['on'], count: [6, 5] }, STATE)).toBe(true)
    expect(fits({ inner: { deep: { x: [1] } } }, STATE)).toBe(true)
    expect(fits({ inner: { deep: { x: [2] } } }, STATE)).toBe(false)
    expect(fits({ inner: { deep: { y: [1] } } }, STATE)).toBe(false)
  })

  test('compares values of one kind only, and numbers by value', () => {
    expect(fits({ count: [5.0] }, STATE)).toBe(true)
    expect(compileFilters(['{"value":{"count":[50e-1]}}'])(record({ value: '{"count":5.000}' }))).toBe(true)
    expect(fits({ count: ['5'] }, STATE)).toBe(false)
    expect(fits({ isNew: [true] }, STATE)).toBe(true)
    expect(fits({ isNew: ['true'] }, STATE)).toBe(false)
    expect(fits({ isNew: [false] }, STATE)).toBe(false)
    expect(fits({ none: [null] }, STATE)).toBe(true)
    expect(fits({ none: [''] }, STATE)).toBe(false)
    expect(fits({ missing: [null] }, STATE)).toBe(false)
    expect(fits({ state: [''] }, { state: '' })).toBe(true)
  })

  test('keeps the digits of numbers that doubles would change, wherever they stand', () => {
    const passes = compileFilters(['{"value":{"ids":[9007199254740993]}}'])
    const ofIds = (ids: string) => passes(record({ value: `{"ids":${ids}}` }))
    expect(
      ['9007199254740992', '9007199254740993', '9007199254740994', '"9007199254740993"'].map(ofIds),
    ).toEqual([false, true, false, false])
    expect([ofIds('[1,[9007199254740993]]'), ofIds('{"a":9007199254740993}')]).toEqual([true, false])
    const key = compileFilters(['{"key":{"id":[12345678901234567890]}}'])
    expect(key(record({ key: '{"id":12345678901234567891}' }))).toBe(false)
    expect(key(record({ key: '{"id":12345678901234567890}' }))).toBe(true)
    const among = compileFilters(['{"value":{"a":[{"anything-but":1}],"b":[{"exists":true}]}}'])
    expect(among(record({ value: '{"a":9007199254740993,"b":12345678901234567890}' }))).toBe(true)
    expect(passes(record({ value: '12345678901234567890' }))).toBe(false)
  })

  test('fits a list by any of its values, however deep they lie', () => {
    expect(fits({ tags: ['b'] }, STATE)).toBe(true)
    expect(fits({ tags: ['c'] }, STATE)).toBe(false)
    expect(fits({ tags: [2] }, { tags: [[1, [2]], 3] })).toBe(true)
    expect(fits({ tags: [2] }, { tags: [] })).toBe(false)
  })

  test('fits a list of objects by one of them, as a whole', () => {
    const pattern = { items: { name: ['a'], size: [2] } }
    expect(fits(pattern, { items: [{ name: 'b' }, { name: 'a', size: 2 }] })).toBe(true)
    expect(
      fits(pattern, {
        items: [
          { name: 'a', size: 1 },
          { name: 'b', size: 2 },
        ],
      }),
    ).toBe(false)
    expect(fits(pattern, { items: [[{ name: 'a', size: [1, 2] }]] })).toBe(true)
  })

  test('knows of a document only what it says itself', () => {
    expect(fits({ toString: [{ exists: true }] }, {})).toBe(false)
    expect(fits({ toString: [{ exists: false }] }, {})).toBe(true)
    expect(compileFilters(['{"value":{"__proto__":["a"]}}'])(record({ value: '{"__proto__":"a"}' }))).toBe(
      true,
    )
  })

  test('exists: true wants a value, and false that there is none anywhere', () => {
    const there = [{ exists: true }]
    const missing = [{ exists: false }]
    expect([fits({ none: there }, STATE), fits({ none: missing }, STATE)]).toEqual([true, false])
    expect([fits({ other: there }, STATE), fits({ other: missing }, STATE)]).toEqual([false, true])
    // Of objects in between it says nothing, as AWS has it: they are no values.
    expect([fits({ inner: there }, STATE), fits({ inner: missing }, STATE)]).toEqual([false, true])
    expect([fits({ a: { b: there } }, { a: 5 }), fits({ a: { b: missing } }, { a: 5 })]).toEqual([
      false,
      true,
    ])
    expect(fits({ a: { b: missing } }, {})).toBe(true)
    expect(fits({ a: { b: missing } }, { a: [{ c: 1 }, { b: 1 }] })).toBe(false)
    expect(fits({ a: { b: missing } }, { a: [{ c: 1 }, { c: 2 }] })).toBe(true)
    expect(fits({ other: ['x', { exists: false }] }, STATE)).toBe(true)
    expect(fits({ state: ['x', { exists: false }] }, STATE)).toBe(false)
  })

  test('prefix and suffix, with case and without', () => {
    expect(fieldFits([{ prefix: 'us-' }], 'us-east-1')).toBe(true)
    expect(fieldFits([{ prefix: 'us-' }], 'US-east-1')).toBe(false)
    expect(fieldFits([{ prefix: { 'equals-ignore-case': 'us-' } }], 'US-east-1')).toBe(true)
    expect(fieldFits([{ suffix: '.png' }], 'a.png')).toBe(true)
    expect(fieldFits([{ suffix: '.png' }], 'a.PNG')).toBe(false)
    expect(fieldFits([{ suffix: { 'equals-ignore-case': '.png' } }], 'a.PNG')).toBe(true)
    expect(fieldFits([{ prefix: '5' }], 5)).toBe(false)
  })

  test('equals-ignore-case takes other alphabets, too', () => {
    expect(fieldFits([{ 'equals-ignore-case': 'Alice' }], 'aLICE')).toBe(true)
    expect(fieldFits([{ 'equals-ignore-case': 'ΟΔΟΣ' }], 'οδοσ')).toBe(true)
    expect(fieldFits([{ 'equals-ignore-case': 'ΟΔΟΣ' }], 'οδος')).toBe(false)
    expect(fieldFits([{ 'equals-ignore-case': 'alice' }], 'alicf')).toBe(false)
  })

  test('anything-but: values, lists, and what texts look like', () => {
    const but = (operand: unknown, field: unknown) => fieldFits([{ 'anything-but': operand }], field)
    expect([but('a', 'a'), but('a', 'b'), but('a', null), but('5', 5)]).toEqual([false, true, true, true])
    expect([but(['a', 'b'], 'b'), but(['a', 'b'], 'c')]).toEqual([false, true])
    expect([but(5, 5), but([5, 6], 6), but([5, 6], 7)]).toEqual([false, false, true])
    expect([but({ prefix: 'us-' }, 'us-1'), but({ prefix: 'us-' }, 'eu-1')]).toEqual([false, true])
    expect(but({ prefix: ['us-', 'eu-'] }, 'eu-1')).toBe(false)
    expect([but({ suffix: '.png' }, 'a.png'), but({ suffix: '.png' }, 'a.gif')]).toEqual([false, true])
    expect([but({ 'equals-ignore-case': ['A', 'B'] }, 'b'), but({ 'equals-ignore-case': 'A' }, 'b')]).toEqual(
      [false, true],
    )
    expect([but({ wildcard: '*/lib/*' }, 'a/lib/b'), but({ wildcard: '*/lib/*' }, 'a/b')]).toEqual([
      false,
      true,
    ])
    // A list fits by any of its values, and what is not there by none.
    expect(but('a', ['a', 'b'])).toBe(true)
    expect(fits({ other: [{ 'anything-but': 'a' }] }, STATE)).toBe(false)
  })

  test('numeric: equal, above, below, between', () => {
    const numeric = (operand: unknown, field: unknown) => fieldFits([{ numeric: operand }], field)
    expect([numeric(['=', 5], 5), numeric(['=', 5], 5.1), numeric(['=', 5], '5')]).toEqual([
      true,
      false,
      false,
    ])
    expect([
      numeric(['>', 5], 5),
      numeric(['>=', 5], 5),
      numeric(['<', 5], 5),
      numeric(['<=', 5], 5),
    ]).toEqual([false, true, false, true])
    const between = ['>', 0, '<=', 5]
    expect([-1, 0, 0.1, 5, 5.1].map(each => numeric(between, each))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ])
  })

  test('$or: one of several patterns, at any depth, beside other fields', () => {
    const pattern = { $or: [{ state: ['off'] }, { count: [{ numeric: ['>', 3] }] }], isNew: [true] }
    expect(fits(pattern, STATE)).toBe(true)
    expect(fits(pattern, { ...STATE, count: 2 })).toBe(false)
    expect(fits(pattern, { ...STATE, count: 2, state: 'off' })).toBe(true)
    expect(fits(pattern, { ...STATE, isNew: false })).toBe(false)
    expect(fits({ inner: { $or: [{ deep: { x: [2] } }, { deep: { x: [1] } }] } }, STATE)).toBe(true)
    expect(fits({ inner: { $or: [{ y: [{ exists: false }] }, { z: [1] }] } }, STATE)).toBe(true)
    expect(fits({ inner: { $or: [{ deep: { x: [{ exists: false }] } }, { z: [1] }] } }, STATE)).toBe(false)
    expect(
      fits({ items: { $or: [{ a: [1] }, { b: [1] }], c: [1] } }, { items: [{ a: 1 }, { b: 1, c: 1 }] }),
    ).toBe(true)
  })

  test('looks at JSON objects only', () => {
    const passes = compileFilters(['{"value":{"a":[{"exists":false}]}}'])
    expect(passes(record({ value: '{}' }))).toBe(true)
    for (const value of ['', 'no JSON', '{"a":', '5', 'null', '[{}]', '"{}"', null, new Uint8Array([0xff])]) {
      expect([value, passes(record({ value }))]).toEqual([value, false])
    }
  })
})

describe('a list for values', () => {
  const passes = (list: unknown[], value: string | Uint8Array | null) =>
    compileFilters([JSON.stringify({ value: list })])(record({ value }))

  test('looks at text', () => {
    expect(passes(['error'], 'error')).toBe(true)
    expect(passes([{ 'anything-but': ['error'] }], 'error')).toBe(false)
    expect(passes([{ 'anything-but': ['error'] }], 'fine')).toBe(true)
    expect(passes([5], '5')).toBe(false)
    expect(passes([{ wildcard: '*"kind":"order"*' }], '{"id":1,"kind":"order"}')).toBe(true)
  })

  test('finds what has no value, by either word', () => {
    expect([
      passes([null], null),
      passes([{ exists: false }], null),
      passes([{ exists: true }], null),
    ]).toEqual([true, true, false])
    expect([passes([null], ''), passes([{ exists: false }], ''), passes([{ exists: true }], '')]).toEqual([
      false,
      false,
      true,
    ])
    expect(passes([{ 'anything-but': 'a' }], null)).toBe(false)
  })

  test('fits nothing that is no UTF-8', () => {
    expect(passes([{ 'anything-but': 'a' }], new Uint8Array([0xff, 0xfe]))).toBe(false)
  })
})

describe('other parts of a record', () => {
  test('the key is text or JSON', () => {
    expect(compileFilters(['{"key":[{"prefix":"a"}]}'])(record({ key: 'abc' }))).toBe(true)
    expect(compileFilters(['{"key":{"id":[5]}}'])(record({ key: '{"id":5}' }))).toBe(true)
    expect(compileFilters(['{"key":{"id":[5]}}'])(record({ key: 'abc' }))).toBe(false)
    expect(compileFilters(['{"key":[null]}'])(record())).toBe(true)
  })

  test('headers are text by name', () => {
    const kinds = record({
      headers: [
        ['kind', 'order'],
        ['kind', 'return'],
        ['empty', null],
        ['toString', 'x'],
      ],
    })
    const passes = (pattern: unknown) => compileFilters([JSON.stringify({ headers: pattern })])(kinds)
    expect(passes({ kind: ['order'] })).toBe(true)
    expect(passes({ kind: ['return'] })).toBe(true)
    expect(passes({ kind: ['other'] })).toBe(false)
    expect(passes({ empty: [null] })).toBe(true)
    expect(passes({ toString: ['x'] })).toBe(true)
    expect(passes({ other: [{ exists: false }] })).toBe(true)
    expect(passes({ kind: [{ exists: false }] })).toBe(false)
    expect(passes({ $or: [{ other: ['x'] }, { kind: ['order'] }] })).toBe(true)
  })

  test('offset and timestamp are numbers', () => {
    const passes = (pattern: unknown) =>
      compileFilters([JSON.stringify(pattern)])(record({ offset: 5, timestampMs: 1_000 }))
    expect(passes({ offset: [{ numeric: ['>=', 5] }] })).toBe(true)
    expect(passes({ offset: [4, 6] })).toBe(false)
    expect(passes({ timestamp: [{ numeric: ['<', 1_000] }] })).toBe(false)
  })

  test('have to fit together, and $or takes whole patterns', () => {
    const both = compileFilters(['{"key":["a"],"value":["b"]}'])
    expect(both(record({ key: 'a', value: 'b' }))).toBe(true)
    expect(both(record({ key: 'a', value: 'c' }))).toBe(false)
    const either = compileFilters(['{"$or":[{"key":["a"]},{"value":{"x":[1]}}]}'])
    expect(either(record({ key: 'b', value: '{"x":1}' }))).toBe(true)
    expect(either(record({ key: 'b', value: '{"x":2}' }))).toBe(false)
  })
})

describe('several filters', () => {
  test('pass what fits one of them; none pass everything', () => {
    expect(compileFilters([])(record())).toBe(true)
    const passes = compileFilters(['{"value":["a"]}', '{"value":["b"]}'])
    expect(['a', 'b', 'c'].map(value => passes(record({ value })))).toEqual([true, true, false])
  })
})

describe('what is no filter is refused, with where and why', () => {
  test.each([
    ['x', /^Filter 1 is no JSON object/],
    ['["a"]', /no JSON object/],
    ['null', /no JSON object/],
    ['{}', /empty object/],
    [
      '{"body":["a"]}',
      /^Filter 1 at "body" looks at what a record does not have\. It has value, key, headers, offset, /,
    ],
    ['{"constructor":["a"]}', /looks at what a record does not have/],
    ['{"value":"a"}', /at "value" is neither an object, for JSON, nor a list, for text/],
    ['{"value":{}}', /at "value" is an empty object/],
    ['{"value":{"a":{"b":"x"}}}', /at "value"\."a"\."b" is "x": put what is to fit into a list, \["x"\]/],
    ['{"value":{"a":[]}}', /empty list/],
    ['{"value":{"a":[["b"]]}}', /a list in a list/],
    ['{"value":{"a":[{}]}}', /an operator is an object with one of exactly, prefix, suffix, /],
    ['{"value":{"a":[{"prefix":"b","suffix":"c"}]}}', /an operator is an object with one of/],
    ['{"value":{"a":[{"begins":"b"}]}}', /lists \{"begins":"b"\}: an operator/],
    ['{"value":{"a":[{"toString":"b"}]}}', /an operator is an object with one of/],
    ['{"value":{"a":[{"prefix":5}]}}', /gives "prefix" something else/],
    ['{"value":{"a":[{"suffix":{"equals-ignore-case":5}}]}}', /gives "suffix" something else/],
    ['{"value":{"a":[{"equals-ignore-case":["b"]}]}}', /"equals-ignore-case"/],
    ['{"value":{"a":[{"exists":"true"}]}}', /"exists"/],
    ['{"value":{"a":[{"wildcard":"a**b"}]}}', /two stars/],
    ['{"value":{"a":[{"wildcard":"a\\\\b"}]}}', /backslash/],
    ['{"value":{"a":[{"wildcard":"a\\\\"}]}}', /backslash/],
    ['{"value":{"a":[{"wildcard":5}]}}', /"wildcard"/],
    ['{"value":{"a":[{"anything-but":[]}]}}', /"anything-but" that cannot be read/],
    ['{"value":{"a":[{"anything-but":["a",5]}]}}', /"anything-but"/],
    ['{"value":{"a":[{"anything-but":null}]}}', /"anything-but"/],
    ['{"value":{"a":[{"anything-but":{"numeric":["=",5]}}]}}', /"anything-but"/],
    ['{"value":{"a":[{"anything-but":{"prefix":[5]}}]}}', /"anything-but"/],
    ['{"value":{"a":[{"anything-but":{"prefix":"a","suffix":"b"}}]}}', /"anything-but"/],
    ['{"value":{"a":[{"numeric":5}]}}', /"numeric"/],
    ['{"value":{"a":[{"numeric":[]}]}}', /"numeric"/],
    ['{"value":{"a":[{"numeric":["<"]}]}}', /"numeric"/],
    ['{"value":{"a":[{"numeric":["!=",5]}]}}', /"numeric"/],
    ['{"value":{"a":[{"numeric":["toString",5]}]}}', /"numeric"/],
    ['{"value":{"a":[{"numeric":["<","5"]}]}}', /"numeric"/],
    ['{"value":{"a":[{"numeric":["<",5,">",0]}]}}', /"numeric"/],
    ['{"value":{"a":[{"numeric":[">",5,"<",5]}]}}', /range in which nothing lies/],
    ['{"value":{"a":[{"numeric":["=",5,"<",6]}]}}', /"numeric"/],
    ['{"value":{"a":[{"exactly":5}]}}', /gives "exactly" something else/],
    ['{"value":{"a":[{"anything-but":{"prefix":["a",""]}}]}}', /an empty prefix, which every text has/],
    [
      '{"value":{"a":[{"anything-but":9007199254740993}]}}',
      /compares with 9007199254740993, which no double is/,
    ],
    ['{"value":{"a":[{"anything-but":[1,1e400]}]}}', /compares with 1e400, which no double is/],
    [
      '{"value":{"a":[{"numeric":[">",0,"<",9007199254740993]}]}}',
      /only in a list by itself, \[9007199254740993\]/,
    ],
    ['{"value":{"a":[{"numeric":["=",9007199254740993]}]}}', /compares with 9007199254740993/],
    ['12345678901234567890', /no JSON object/],
    ['{"value":12345678901234567890}', /neither an object/],
    ['{"value":{"a":12345678901234567890}}', /put what is to fit into a list/],
    ['{"value":{"a":[{"cidr":"10.0.0.0"}]}}', /"cidr"/],
    ['{"value":{"a":[{"cidr":"10.0.0.0/32"}]}}', /a single address stands in a list as it is/],
    ['{"value":{"a":[{"cidr":"10.0.0.0/33"}]}}', /"cidr"/],
    ['{"value":{"a":[{"cidr":"10.0.0.256/8"}]}}', /"cidr"/],
    ['{"value":{"a":[{"cidr":"::/129"}]}}', /"cidr"/],
    ['{"value":{"$or":[]}}', /at "value"\."\$or" is no list of two objects or more/],
    ['{"value":{"$or":["a","b"]}}', /"\$or" is no list of two objects/],
    ['{"value":{"$or":[{"a":[1]}]}}', /"\$or" is no list of two objects/],
    ['{"$or":{"value":["a"]}}', /"\$or" is no list of two objects/],
    [
      '{"value":{"$or":[{"a":[1]},{"b":{"prefix":[1]}}]}}',
      /at "value"\."b"\."prefix" has a name that is reserved/,
    ],
    [
      '{"value":{"a":[1],"$or":[{"a":[2]},{"b":[3]}]}}',
      /at "value" looks at "value"\."a" inside of "\$or" and beside it: put all/,
    ],
    ['{"key":["a"],"$or":[{"key":["b"]},{"value":["c"]}]}', /Filter 1 looks at "key" inside of "\$or"/],
    ['{"headers":["a"]}', /at "headers" is no object/],
    ['{"headers":{"a":{"b":["c"]}}}', /headers are text/],
    ['{"headers":{"$or":[{"a":{"b":["c"]}},{"d":["e"]}]}}', /headers are text/],
    ['{"offset":5}', /at "offset" is no list/],
    [JSON.stringify({ value: ['a'.repeat(4_096)] }), /at most 4096 are allowed/],
  ])('%.60s', (filter, message) => {
    expect(() => compileFilters([filter])).toThrow(
      expect.objectContaining({ kafkaName: 'INVALID_REQUEST', message: expect.stringMatching(message) }),
    )
  })

  test('the number of the filter is told', () => {
    expect(() => compileFilters(['{"value":["a"]}', '{}'])).toThrow(/^Filter 2 /)
  })
})

describe('for anything that comes,', () => {
  const letter = fc.constantFrom('a', 'b', '*', '\\')
  const text = fc.array(letter, { maxLength: 5 }).map(some => some.join(''))

  test('a wildcard without stars is the text itself', () => {
    expect([fieldFits([{ wildcard: 'abc' }], 'abc'), fieldFits([{ wildcard: 'abc' }], 'abcd')]).toEqual([
      true,
      false,
    ])
  })

  test('a wildcard says what a regular expression says', () => {
    const end = fc.array(letter, { maxLength: 1 }).map(some => some.join(''))
    // Between two stars there is something.
    const pieces = fc
      .tuple(end, fc.array(letter, { maxLength: 2 }), end)
      .map(([a, inner, b]) => [a, ...inner, b])
    let matched = 0
    fc.assert(
      fc.property(pieces, text, (between, value) => {
        const wildcard = between.map(piece => piece.replace(/[\\*]/, '\\$&')).join('*')
        const expression = between.map(piece => piece.replace(/[\\*]/, '\\$&')).join('.*')
        const expected = new RegExp(`^${expression}$`).test(value)
        if (expected) matched += 1
        expect(fieldFits([{ wildcard }], value)).toBe(expected)
        expect(fieldFits([{ 'anything-but': { wildcard } }], value)).toBe(!expected)
      }),
      { numRuns: 1_000 },
    )
    expect(matched).toBeGreaterThan(100)
  })

  test("a network has the addresses that Node's own has", () => {
    const ipv4 = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 31 }), fc.ipV4(), fc.constant('ipv4' as const))
    const ipv6 = fc.tuple(
      fc.ipV6(),
      fc.integer({ min: 0, max: 127 }),
      fc.ipV6(),
      fc.constant('ipv6' as const),
    )
    fc.assert(
      fc.property(
        fc.oneof(ipv4, ipv6),
        fc.integer({ min: 0, max: 3 }),
        ([network, bits, other, kind], near) => {
          const list = new BlockList()
          list.addSubnet(network, bits, kind)
          for (const address of [network, other]) {
            expect(fieldFits([{ cidr: `${network}/${bits}` }], address)).toBe(list.check(address, kind))
          }
          // Few addresses fall into a network by chance.
          const few = near * 10
          if (kind === 'ipv4') {
            const octets = network.split('.').with(near, '7').join('.')
            expect(fieldFits([{ cidr: `${network}/${few}` }], octets)).toBe(
              subnet(network, few).check(octets),
            )
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test.each([
    '1.2.3',
    '01.2.3.4',
    '1.2.3.4.5',
    ':::',
    '1::2::3',
    '12345::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7::8:9',
    '1:2:3:4::5:6:7:8',
    '',
    'x',
    5,
    null,
  ])('no network has %j', address => {
    expect(fieldFits([{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }], address)).toBe(false)
  })

  test('addresses of one kind are in networks of their own kind', () => {
    expect(fieldFits([{ cidr: '::/0' }], '1.2.3.4')).toBe(false)
    expect(fieldFits([{ cidr: '0.0.0.0/0' }], '::1.2.3.4')).toBe(false)
    expect(fieldFits([{ cidr: '::1.2.3.4/127' }], '::102:304')).toBe(true)
  })

  const scalar = fc.oneof(text, fc.integer({ min: 0, max: 3 }), fc.boolean(), fc.constant(null))
  const { document } = fc.letrec<{ document: Record<string, unknown>; node: unknown }>(tie => ({
    document: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('node'), { minKeys: 1, maxKeys: 3 }),
    node: fc.oneof({ maxDepth: 3 }, scalar, tie('document'), fc.array(tie('node'), { maxLength: 3 })),
  }))

  test('a document fits the pattern that is made of it, and not one that asks for more', () => {
    fc.assert(
      fc.property(document, value => {
        const pattern = patternOf(value)
        if (pattern === undefined) return
        expect(fits(pattern, value)).toBe(true)
        expect(fits({ ...pattern, more: [1] }, value)).toBe(false)
        expect(fits({ $or: [{ more: [1] }, pattern] }, value)).toBe(true)
        expect(fits({ ...pattern, more: [{ exists: false }] }, value)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('a field is there, or it is not', () => {
    fc.assert(
      fc.property(document, value => {
        const isThere = fits({ a: [{ exists: true }] }, value)
        expect(fits({ a: [{ exists: false }] }, value)).toBe(!isThere)
        expect(fits({ a: [{ exists: false }, { exists: true }] }, value)).toBe(true)
      }),
    )
  })

  test('no bytes make a filter throw', () => {
    const pattern = { $or: [{ value: { a: { b: [{ exists: false }] } } }, { key: [{ wildcard: '*a*' }] }] }
    const passes = compileFilters([JSON.stringify(pattern), '{"headers":{"a":[{"cidr":"::/0"}]}}'])
    const bytes = fc.oneof(fc.uint8Array(), fc.json())
    fc.assert(
      fc.property(bytes, bytes, bytes, (value, key, header) => {
        expect(typeof passes(record({ value, key, headers: [['a', header]] }))).toBe('boolean')
      }),
    )
  })

  test('lists in lists and long lists cost what they are long', () => {
    const nested = `{"a":${'['.repeat(500_000)}{"b":1}${']'.repeat(500_000)}}`
    expect(compileFilters(['{"value":{"a":{"b":[1]}}}'])(record({ value: nested }))).toBe(true)
    const digits = `{"a":${'['.repeat(500_000)}{"b":12345678901234567890}${']'.repeat(500_000)}}`
    expect(compileFilters(['{"value":{"a":{"b":[{"exists":true}]}}}'])(record({ value: digits }))).toBe(true)
    const long = `{"a":[${'{},'.repeat(100_000)}{"b":1}]}`
    expect(compileFilters(['{"value":{"a":{"b":[{"exists":false}]}}}'])(record({ value: long }))).toBe(false)
  })
})

function subnet(network: string, bits: number): BlockList {
  const list = new BlockList()
  list.addSubnet(network, bits, 'ipv4')
  return list
}

/** A pattern that wants everything that a document says; undefined where it says nothing that can be asked for. */
function patternOf(value: Record<string, unknown>): Record<string, unknown> | undefined {
  const fields = Object.entries(value).flatMap(([name, field]) => {
    const given = patternOfField(field)
    return given === undefined ? [] : [[name, given]]
  })
  return fields.length === 0 ? undefined : Object.fromEntries(fields)
}

function patternOfField(field: unknown): unknown {
  if (Array.isArray(field)) {
    const inner = field.map(patternOfField).filter(each => each !== undefined)
    return inner[0]
  }
  return typeof field === 'object' && field !== null ? patternOf(field as Record<string, unknown>) : [field]
}
