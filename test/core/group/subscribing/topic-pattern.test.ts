import { createContext, Script } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compilePattern } from '../../../../src/core/group/subscribing/topic-pattern.ts'

/** Patterns of all that is known, over few characters, so that names match them now and then. */
const { pattern } = fc.letrec<{ pattern: string; part: string; atom: string }>(tie => ({
  pattern: fc.array(tie('part'), { maxLength: 3 }).map(parts => parts.join('')),
  part: fc
    .tuple(tie('atom'), fc.constantFrom('', '', '', '*', '+', '?', '*?', '{2}', '{0,2}', '{1,}', '{0}'))
    .map(([atom, times]) => `${atom}${times}`),
  atom: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(
      'a',
      'b',
      '.',
      '\\.',
      '[ab]',
      '[^a]',
      '[a-c.]',
      '[-a]',
      '[a-]',
      '\\d',
      '\\W',
      '[\\w-]',
      '[^\\d]',
    ),
    fc.tuple(tie('pattern'), tie('pattern')).map(([one, other]) => `(${one}|${other})`),
    tie('pattern').map(inner => `(?:${inner})`),
    fc.constantFrom('(^)', '($)', '(^|a)', '(b|$)'),
  ),
}))
const name = fc
  .array(fc.constantFrom('a', 'b', 'c', '.', '-', '1'), { maxLength: 6 })
  .map(some => some.join(''))

const matcher = createContext({ expression: /^$/u, names: [''] })
const match = new Script('names.map(name => expression.test(name))')

/** What JavaScript's own matcher says; undefined where it goes on trying, which it can do for hours. */
function matchedByJavaScript(expression: RegExp, names: string[]): boolean[] | undefined {
  Object.assign(matcher, { expression, names })
  try {
    return [...match.runInContext(matcher, { timeout: 50 })]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined
    throw error
  }
}

/** undefined for a pattern that is refused because of its size, as a few of all that can be made up are. */
function compiled(text: string): ((name: string) => boolean) | undefined {
  try {
    return compilePattern(text)
  } catch (error) {
    if ((error as Error).message.includes('is too large')) return undefined
    throw error
  }
}

describe('a topic pattern', () => {
  test("says of every name what JavaScript's own matcher says", () => {
    let matched = 0
    fc.assert(
      fc.property(pattern, fc.array(name, { minLength: 1, maxLength: 10 }), (text, names) => {
        const matches = compiled(text)
        const expected = matches && matchedByJavaScript(new RegExp(`^(?:${text})$`, 'u'), names)
        fc.pre(expected !== undefined)
        expect([text, names, names.map(matches!)]).toEqual([text, names, expected])
        matched += expected!.filter(Boolean).length
      }),
      { numRuns: 1_500 },
    )
    expect(matched).toBeGreaterThan(100)
  })

  test.each([
    ['tides', ['tides'], ['tide', 'tides2', '']],
    ['^tides\\..*$', ['tides.', 'tides.raw'], ['tides', 'my.tides.raw']],
    ['^a$|^b$', ['a', 'b'], ['ab']],
    [
      'orders-(eu|us)-\\d{2,3}',
      ['orders-eu-12', 'orders-us-123'],
      ['orders-eu-1', 'orders-eu-1234', 'orders-de-12'],
    ],
    ['[^_].*', ['a', '.x'], ['_a', '']],
    ['', [''], ['a']],
    ['(a*)*b', ['b', 'aab'], ['aac']],
    ['.{0,249}', ['', 'x'.repeat(249)], ['x'.repeat(250)]],
  ])('%s', (text, fit, others) => {
    const matches = compilePattern(text)
    expect(fit.filter(each => !matches(each))).toEqual([])
    expect(others.filter(matches)).toEqual([])
  })

  test('takes no longer for those that make other matchers try for hours', () => {
    const long = 'a'.repeat(249)
    for (const text of ['(a+)+b', '(a|a)*b', '.*.*.*.*.*.*.*.*b', '(a*)*(a*)*b', '(.?){200}b']) {
      expect(compilePattern(text)(long)).toBe(false)
    }
  })

  test.each([
    '(',
    'a)|(b',
    '[',
    '[]',
    '[a',
    '[[:alpha:]]',
    '[z-a]',
    '[a-\\d]',
    'a**',
    'a*+',
    '*',
    '{2}',
    'a{2,1}',
    'a{',
    'a{x}',
    ']',
    'a}',
    '\\',
    '\\b',
    '\\1',
    '\\p{L}',
    '(?=a)',
    '(?<name>a)',
    '(?i)a',
    'a{1001}',
    '((a{40}){40}){40}',
    '((((){999}){999}){999}){999}',
  ])('%s is refused', text => {
    expect(() => compilePattern(text)).toThrow(expect.objectContaining({ kafkaName: 'INVALID_REQUEST' }))
  })

  test('has a limit', () => {
    expect(compilePattern('a'.repeat(1_000))('a'.repeat(1_000))).toBe(true)
    expect(() => compilePattern('a'.repeat(1_001))).toThrow('at most 1000 characters; this one has 1001')
  })

  test('is nested as deeply as it can be', () => {
    expect(compilePattern(`${'('.repeat(499)}a${')'.repeat(499)}`)('a')).toBe(true)
  })
})
