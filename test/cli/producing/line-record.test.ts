import { expect, test } from 'vitest'
import { splitLine } from '../../../src/cli/producing/line-record.ts'

const syntax = (keySeparator: string | null, nullMarker: string | null = null) => ({
  keySeparator: keySeparator === null ? null : Buffer.from(keySeparator),
  nullMarker: nullMarker === null ? null : Buffer.from(nullMarker),
})

const split = (line: string, ...options: Parameters<typeof syntax>) => {
  const { key, value } = splitLine(Buffer.from(line), syntax(...options))
  return [key && Buffer.from(key).toString(), value && Buffer.from(value).toString()]
}

test.each([
  ['no separator wanted', ['a:b', null], [null, 'a:b']],
  ['the key ends at the first one', ['a:b:c', ':'], ['a', 'b:c']],
  ['a separator of several bytes', ['a=>b', '=>'], ['a', 'b']],
  ['none in the line: no key', ['ab', ':'], [null, 'ab']],
  ['an empty key is a key', [':b', ':'], ['', 'b']],
  ['an empty value is a value', ['a:', ':'], ['a', '']],
  ['a marked value is null', ['a:NULL', ':', 'NULL'], ['a', null]],
  ['a marked key is null', ['NULL:b', ':', 'NULL'], [null, 'b']],
  ['an empty marker makes empty null', ['a:', ':', ''], ['a', null]],
] as const)('%s', (_name, input, expected) => {
  const [line, separator, marker] = input as [string, string | null, string | null | undefined]
  expect(split(line, separator, marker ?? null)).toEqual(expected)
})
