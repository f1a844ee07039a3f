import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Subscription } from '../../../../src/client/sdk/consuming/subscription.ts'
import { compilePattern } from '../../../../src/core/group/subscribing/topic-pattern.ts'

/** What the broker is given. */
function patternOf(expression: RegExp): string {
  const subscription = new Subscription()
  subscription.add({ topics: [expression] })
  return subscription.topicPattern!
}

describe('a regular expression', () => {
  // From text, since the linter spells expressions otherwise, which is what this is about.
  test.each([
    [String.raw`^my\-topic$`, '', ['my-topic'], ['my_topic', 'a-my-topic']],
    [String.raw`^[\w-.]+$`, '', ['a-b.c'], ['a/b', '']],
    [String.raw`^t\_x`, '', ['t_x', 't_xy'], ['t-x']],
    [String.raw`^a\/b\@c$`, '', ['a/b@c'], ['a/b']],
    [String.raw`^[a\-z]$`, '', ['a', '-', 'z'], ['b']],
    ['^[.*+?]$', '', ['.', '*'], ['a']],
    ['tides', 'gm', ['my-tides-raw'], ['tide']],
    ['^tides$', 'su', ['tides'], ['tides2']],
    ['', '', ['', 'anything'], []],
  ])('/%s/%s means what it means in JavaScript', (source, flags, fit, others) => {
    const matches = compilePattern(patternOf(new RegExp(source, flags)))
    expect(fit.filter(name => !matches(name))).toEqual([])
    expect(others.filter(matches)).toEqual([])
  })

  test.each([
    ['a{,3}', '', '"a{,3}" has a "{" that does not count: escape it'],
    ['x{', '', '"x{" has a "{" that does not count'],
    ['a]', '', '"a]" has a "]" that closes nothing'],
    ['[^]', '', '"[^]" has brackets with nothing inside'],
    [String.raw`[a-\d]`, '', 'has a range that goes nowhere'],
    ['^(?!__).*$', '', '"^(?!__).*$" has a group of a kind that is not known'],
    ['(?<=a)b', '', 'has a group of a kind that is not known'],
    [String.raw`\btides\b`, '', String.raw`has a "\b", which is not known`],
    [String.raw`(a)\1`, '', String.raw`has a "\1", which is not known`],
    [String.raw`\u0041`, '', String.raw`has a "\u", which is not known`],
    [String.raw`\a`, '', String.raw`has a "\a", which is not known`],
    ['tides', 'i', '/tides/i has flags that the broker does not know. Leave out all but d, g, m, s and u.'],
    ['tides', 'y', 'has flags'],
    ['tides', 'v', 'has flags'],
  ])('/%s/%s is refused at once, with what is not understood', (source, flags, message) => {
    expect(() => patternOf(new RegExp(source, flags))).toThrow(
      expect.objectContaining({ kafkaName: 'INVALID_REQUEST', message: expect.stringContaining(message) }),
    )
  })

  test('that is taken says of every name what JavaScript says, without u as with it', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        'b',
        '-',
        '.',
        '_',
        '[',
        ']',
        '(',
        ')',
        '(?:',
        '|',
        '^',
        '$',
        '*',
        '+',
        '?',
        '{',
        '}',
        ',',
        '1',
        '2',
      ],
      ...[
        '\\-',
        '\\_',
        '\\.',
        '\\w',
        '\\d',
        '\\W',
        '\\b',
        '\\a',
        '\\]',
        '[^',
        '[\\w-',
        '[a-',
        '{2}',
        '{,2}',
        '{1,}',
      ],
    )
    const source = fc.array(piece, { minLength: 1, maxLength: 6 }).map(pieces => pieces.join(''))
    const name = fc
      .array(fc.constantFrom('a', 'b', '-', '.', '_', '1'), { maxLength: 4 })
      .map(some => some.join(''))
    let taken = 0
    fc.assert(
      fc.property(
        source,
        fc.constantFrom('', 'u'),
        fc.array(name, { minLength: 3, maxLength: 8 }),
        (text, flags, names) => {
          const expression = compiled(text, flags)
          if (!expression) return
          let pattern: string
          try {
            pattern = patternOf(expression)
          } catch (error) {
            expect(error).toMatchObject({ kafkaName: 'INVALID_REQUEST' })
            return
          }
          taken += 1
          const matches = compilePattern(pattern)
          expect([text, names.filter(matches)]).toEqual([text, names.filter(each => expression.test(each))])
        },
      ),
      { numRuns: 5_000 },
    )
    expect(taken).toBeGreaterThan(500)
  })
})

function compiled(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(source, flags)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
