/** What the linter does not know to look for. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')

/** What passes with any value, or with any error, however wrong. */
const VAGUE = /\.(?:toBeDefined|toBeTruthy|toBeFalsy)\(\)|(?<!\bnot)\.toThrow\(\)/

/** Who may draw what no test can draw again, and why. Everybody else is given where chance comes from. */
const UNSEEDED: Readonly<Record<string, string>> = {
  'src/adapters/aws/objects/s3-object-store.ts':
    'how long to wait before another try, which no outcome goes by',
  'src/adapters/local/turns.ts': 'how long to wait while another process writes, which no outcome goes by',
  'src/client/retry.ts': 'what is taken where no other chance is given',
  'src/client/sdk/consuming/delivery.ts': 'how long a failed read rests, which no outcome goes by',
  'src/client/sdk/outbox/outbox.ts': 'where messages without a key go: no matter where',
  'src/client/sdk/producing/partitioners.ts':
    "where a producer's records without a key begin, as in Kafka: anywhere",
  'src/client/sdk/retry-options.ts': 'what is taken where no other chance is given',
  'src/contract/http/build-app.ts': 'what is taken where no other chance is given',
  'src/embedded/system.ts': 'the one behind the port',
}

test('npm test says at once how long it takes, as CONTRIBUTING does', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const [told] = /about \d+ minutes on two cores/.exec(scripts.pretest) ?? []
  expect(readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')).toContain(told ?? 'how long it takes')
})

function linesWith(pattern: RegExp, ...folders: readonly string[]): { file: string; line: string }[] {
  const files = folders.flatMap(folder => globSync(`${folder}/**/*.{ts,js,mjs}`, { cwd: ROOT }))
  return files.sort().flatMap(file =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .map((text, index) => ({ file, line: `${file}:${index + 1}: ${text.trim()}`, text }))
      .filter(({ text }) => pattern.test(text)),
  )
}

test('tests say what they expect', () => {
  const vague = linesWith(VAGUE, 'test').filter(({ file }) => file !== 'test/style.test.ts')
  expect(vague.map(({ line }) => line)).toEqual([])
})

test('vague expectations are found', () => {
  for (const vague of ['.toBeDefined()', '.toBeTruthy()', '.toBeFalsy()', '.rejects.toThrow()']) {
    expect([vague, VAGUE.test(`expect(it)${vague}`)]).toEqual([vague, true])
  }
  for (const clear of ['.toBe(1)', '.toThrow(/^no/)', '.not.toThrow()', '.resolves.toBe(undefined)']) {
    expect([clear, VAGUE.test(`expect(it)${clear}`)]).toEqual([clear, false])
  }
})

test('chance that no seed repeats is drawn nowhere else, and still where it may be', () => {
  // Named in a comment, it is not drawn.
  const drawn = linesWith(/^(?!\s*(?:\/\/|\/?\*)).*\bMath\.random\b/, 'src', 'functions', 'infra')
  expect([...new Set(drawn.map(({ file }) => file))]).toEqual(Object.keys(UNSEEDED).sort())
})

/** What tells the time of day. */
const WALL_CLOCK = /^(?!\s*(?:\/\/|\/?\*)).*(?:\bDate\.now\b|\bnew Date\(\)|\bnowMs\(\))/

test('who reads the wall clock stands in the record of decisions, with the reason, and nobody else does', () => {
  const [, list = ''] = /## Who reads the wall clock\n([\s\S]*?)\n## /.exec(
    readFileSync(join(ROOT, 'docs/adr/0022-two-clocks.md'), 'utf8'),
  )!
  const listed = [...list.matchAll(/`([^`]+\.ts)`/g)].map(([, file]) => file)
  const readers = linesWith(WALL_CLOCK, 'src', 'functions', 'infra').map(({ file }) => file)
  expect([...new Set(readers)]).toEqual(listed.sort())
})

test('who reads the wall clock is found', () => {
  for (const line of ['Date.now()', 'nowMs = Date.now', 'new Date()', 'clock.nowMs()']) {
    expect([line, WALL_CLOCK.test(`  const at = ${line}`)]).toEqual([line, true])
  }
  for (const line of ['// Date.now()', ' * new Date()', 'new Date(ms)', 'clock.monotonicMs()']) {
    expect([line, WALL_CLOCK.test(line)]).toEqual([line, false])
  }
})
