import fc from 'fast-check'
import type { Case } from './cases.ts'

const scalar = fc.constantFrom(
  ...[
    '0',
    '1',
    '1.0',
    '-1',
    '1e2',
    '100',
    '9007199254740993',
    '9007199254740992',
    '12345678901234567890',
    '0.1',
    '1e400',
  ],
  ...[
    'null',
    'true',
    'false',
    '""',
    '"a"',
    '"A"',
    '"ab"',
    '"ba"',
    '"b*"',
    '"ß"',
    '"SS"',
    '"10.0.0.1"',
    '"::1"',
    '"1"',
  ],
)
const text = fc.constantFrom('""', '"a"', '"A"', '"b"', '"ab"', '"ba"', '"ß"', '"s"')
const texts = fc.oneof(
  text,
  fc.array(text, { maxLength: 3 }).map(each => `[${each}]`),
)
const number = fc.constantFrom(
  '0',
  '1',
  '-1',
  '100',
  '1e2',
  '0.1',
  '9007199254740992',
  '9007199254740993',
  '1e400',
)
const sign = fc.constantFrom('=', '<', '<=', '>', '>=', '!=')

const entry = fc.oneof(
  { weight: 3, arbitrary: scalar },
  fc
    .tuple(fc.constantFrom('prefix', 'suffix', 'equals-ignore-case', 'exactly', 'begins'), text)
    .map(operator),
  fc
    .tuple(
      fc.constantFrom('prefix', 'suffix'),
      text.map(each => `{"equals-ignore-case":${each}}`),
    )
    .map(operator),
  fc
    .tuple(
      fc.constant('wildcard'),
      fc.constantFrom('"*"', '"a*"', '"*b"', '"a*b"', '"*a*"', '"a**"', '"b\\\\*"'),
    )
    .map(operator),
  fc
    .tuple(
      fc.constant('anything-but'),
      fc.oneof(
        texts,
        number,
        fc.array(number, { maxLength: 3 }).map(each => `[${each}]`),
      ),
    )
    .map(operator),
  fc
    .tuple(fc.constantFrom('prefix', 'suffix', 'equals-ignore-case', 'wildcard'), texts)
    .map(([name, operand]) => `{"anything-but":{"${name}":${operand}}}`),
  fc
    .tuple(
      fc.constant('numeric'),
      fc.tuple(sign, number).map(([one, bound]) => `["${one}",${bound}]`),
    )
    .map(operator),
  fc
    .tuple(
      fc.constant('numeric'),
      fc.tuple(sign, number, sign, number).map(([a, b, c, d]) => `["${a}",${b},"${c}",${d}]`),
    )
    .map(operator),
  fc
    .tuple(fc.constant('cidr'), fc.constantFrom('"10.0.0.0/8"', '"10.0.0.0/32"', '"2001:db8::/32"', '"x"'))
    .map(operator),
  fc.tuple(fc.constant('exists'), fc.constantFrom('true', 'false')).map(operator),
)
const list = fc.array(entry, { minLength: 1, maxLength: 3 }).map(each => `[${each}]`)
const name = fc.constantFrom('a', 'b', 'c')

function operator([of, operand]: [string, string]): string {
  return `{"${of}":${operand}}`
}

/** With names in order and each once. */
function object(fields: [string, string][]): string {
  const once = new Map(fields.toSorted(([one], [other]) => (one < other ? -1 : 1)))
  return `{${[...once].map(([of, value]) => `"${of}":${value}`)}}`
}

const { pattern } = fc.letrec<{ pattern: string; field: string }>(tie => ({
  pattern: fc
    .tuple(
      fc.array(fc.tuple(name, tie('field')), { minLength: 1, maxLength: 3 }),
      fc.option(fc.array(tie('pattern'), { minLength: 2, maxLength: 3 }), { freq: 4 }),
    )
    .map(([fields, choices]) => object(choices ? [...fields, ['$or', `[${choices}]`]] : fields)),
  field: fc.oneof({ maxDepth: 2 }, { weight: 3, arbitrary: list }, tie('pattern')),
}))

const { event } = fc.letrec<{ event: string; value: string }>(tie => ({
  event: fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map(object),
  value: fc.oneof(
    { maxDepth: 3 },
    { weight: 2, arbitrary: scalar },
    tie('event'),
    fc.array(tie('value'), { maxLength: 3 }).map(each => `[${each}]`),
  ),
}))

export function randomCases(count: number, seed: number): Case[] {
  return fc.sample(fc.tuple(pattern, event), { numRuns: count, seed })
}
