import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type HandlerNews, HandlerPool } from '../../../src/embedded/triggers/handler-pool.ts'

let folder: string
let pool: HandlerPool | undefined
let reloads: number
const news: HandlerNews[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-handler-'))
  await write('package.json', '{"type":"module"}')
  news.length = 0
  reloads = 0
})
afterEach(async () => {
  await pool?.close()
  pool = undefined
  await rm(folder, { recursive: true, force: true })
})

/** However slow the machine is. */
const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 30_000 })

const write = (name: string, text: string) => writeFile(join(folder, name), text)

/** As editors do: another file takes the name. */
async function replace(name: string, text: string): Promise<void> {
  await write(`${name}~`, text)
  await rename(join(folder, `${name}~`), join(folder, name))
}

async function open(
  source: string,
  { name = 'handler.ts', exportName = undefined as string | undefined } = {},
) {
  await write(name, source)
  pool = new HandlerPool({
    file: { path: join(folder, name), exportName },
    functionName: 'tides',
    environment: process.env,
    report: each => void news.push(each),
    onReload: () => {
      reloads += 1
    },
  })
  pool.start()
  return pool
}

const call = (timeoutMs = 20_000, event: unknown = {}) => pool!.call('', JSON.stringify(event), timeoutMs)
const answerOf = async (event: unknown = {}) => {
  const outcome = await call(20_000, event)
  return outcome.kind === 'answered' ? outcome.answer : outcome
}
const outputs = () => news.map(each => (each.kind === 'output' ? each.text : '')).join('')
const kinds = () => news.filter(({ kind }) => kind !== 'output').map(({ kind }) => kind)
const reasons = () => news.flatMap(each => (each.kind === 'not-loaded' ? [each.reason] : []))

describe('a handler in a file', () => {
  test('gets the event and the context of Lambda, and its output is heard before its answer', async () => {
    await open(`
      interface Named { functionName: string; awsRequestId: string; getRemainingTimeInMillis(): number }
      export const handler = async (event: unknown, context: Named) => {
        console.log('heard', event)
        return { event, name: context.functionName, id: context.awsRequestId, left: context.getRemainingTimeInMillis() }
      }`)
    const outcome = await call(5_000, { a: [1] })
    expect(outputs()).toBe('heard { a: [ 1 ] }\n')
    if (outcome.kind !== 'answered') throw new Error(JSON.stringify(outcome))
    const answer = outcome.answer as { id: string; left: number }
    expect(answer).toMatchObject({ event: { a: [1] }, name: 'tides', id: outcome.call.requestId })
    expect(answer.left).toBeGreaterThan(0)
    expect(answer.left).toBeLessThanOrEqual(5_000)
  })

  test('may answer nothing, or through a callback', async () => {
    await open(
      'export default (event, context, callback) => { setTimeout(() => callback(null, event), 1) }',
      {
        name: 'handler.js',
      },
    )
    expect(await answerOf([7])).toEqual([7])
    await replace('handler.js', 'export default () => {}')
    await eventually(() => reloads).toBe(1)
    expect(await call()).toMatchObject({ kind: 'answered', answer: undefined })
  })

  test('is told once that Lambda takes no callbacks any more, however it takes one', async () => {
    const warning = 'Runtime.CallbackHandlerDeprecated: Lambda takes no callback from Node 24 on.'
    await open('export const handler = (event, context, callback) => callback(null, event)', {
      name: 'handler.js',
    })
    await eventually(outputs).toContain(warning)
    expect([await answerOf(1), await answerOf(2)]).toEqual([1, 2])
    expect(outputs().split(warning)).toHaveLength(2)
    await replace('handler.js', 'export const handler = async (...given) => { given[2](null, 3) }')
    await eventually(() => reloads).toBe(1)
    await call()
    await eventually(() => outputs().split(warning)).toHaveLength(3)
  })

  test('may be a CommonJS module, and have a name', async () => {
    await open('exports.bill = async () => "billed"', { name: 'handler.cjs', exportName: 'bill' })
    expect(await answerOf()).toBe('billed')
  })

  test('keeps what it has between calls, and calls at the same time have processes of their own', async () => {
    await open(`import { existsSync, writeFileSync } from 'node:fs'
      let calls = 0
      export const handler = async ({ mine, other }: Record<string, string>) => {
        calls += 1
        if (mine) writeFileSync(mine, '')
        while (other && !existsSync(other)) await new Promise(resolve => setTimeout(resolve, 10))
        return calls
      }`)
    expect(await answerOf()).toBe(1)
    expect(await answerOf()).toBe(2)
    const [mine, other] = [join(folder, 'a'), join(folder, 'b')]
    const both = await Promise.all([answerOf({ mine, other }), answerOf({ mine: other, other: mine })])
    expect(both.sort()).toEqual([1, 3])
  })
})

describe('a call has failed', () => {
  test.each([
    ['throw new TypeError("no such tide")', 'TypeError: no such tide'],
    ['return Promise.reject("a word")', 'Error: a word'],
    ['const a = {}; a.a = a; return a', 'TypeError: Converting circular structure to JSON'],
    ['process.exit(3)', 'Runtime.ExitError: the process ended with exit code 3'],
    [
      'setImmediate(() => { throw new RangeError("later") }); return new Promise(() => {})',
      'RangeError: later',
    ],
    ['Promise.reject(new Error("nobody waits")); return new Promise(() => {})', 'Error: nobody waits'],
  ])('where it does this: %s', async (body, error) => {
    await open(`let calls = 0
      export const handler = async () => { calls += 1; if (calls === 2) { ${body} } return calls }`)
    expect(await answerOf()).toBe(1)
    expect(await call()).toMatchObject({
      kind: 'failed',
      error: expect.stringContaining(error),
      call: { functionError: 'Unhandled' },
    })
    // Whatever has become of the process, the next call finds one.
    expect(await answerOf()).toSatisfy(answer => answer === 3 || answer === 1)
  })

  test('and is told of with its stack', async () => {
    await open('export const handler = async () => { throw new TypeError("no such tide") }')
    await call()
    expect(outputs()).toMatch(/^TypeError: no such tide\n +at handler \(.*handler\.ts:1:\d+\)/)
  })

  test('where it takes too long, and even where it never lets go', async () => {
    await open('export const handler = async (event: { wait: boolean }) => { while (event.wait); return 1 }')
    expect(await answerOf()).toBe(1)
    expect(await call(200, { wait: true })).toMatchObject({
      kind: 'failed',
      error: 'Sandbox.Timedout: Task timed out after 0.20 seconds',
    })
    expect(await answerOf()).toBe(1)
  })
})

describe('an edit', () => {
  test('of the handler is what the next call gets; the one under way ends in the old process', async () => {
    await open(`import { existsSync } from 'node:fs'
      export const handler = async () => {
        while (!existsSync(new URL('./go', import.meta.url))) await new Promise(r => setTimeout(r, 10))
        return 'old'
      }`)
    await eventually(kinds).toEqual(['loaded'])
    const underWay = answerOf()
    await replace('handler.ts', 'export const handler = async () => "new"')
    await eventually(() => reloads).toBe(1)
    expect(await answerOf()).toBe('new')
    await write('go', '')
    expect(await underWay).toBe('old')
    expect(await answerOf()).toBe('new')
    expect(kinds()).toEqual(['loaded', 'loaded'])
  })

  test('of what it imports, also while it runs', async () => {
    await mkdir(join(folder, 'lib'))
    await write('lib/tide.ts', 'export const tide = "ebb"')
    await write('lib/late.ts', 'export const late = 1')
    await open(`import { tide } from './lib/tide.ts'
      export const handler = async () => [tide, (await import('./lib/late.ts')).late]`)
    expect(await answerOf()).toEqual(['ebb', 1])
    await write('lib/tide.ts', 'export const tide = "flow"')
    await eventually(() => reloads).toBe(1)
    expect(await answerOf()).toEqual(['flow', 1])
    await replace('lib/late.ts', 'export const late = 2')
    await eventually(() => reloads).toBe(2)
    expect(await answerOf()).toEqual(['flow', 2])
  })

  test('of something else changes nothing', async () => {
    await open('export const handler = async () => 1')
    expect(await answerOf()).toBe(1)
    await write('other.ts', 'export const other = 1')
    await write('handler.ts', 'export const handler = async () => 2')
    await eventually(() => reloads).toBe(1)
    expect(kinds()).toEqual(['loaded', 'loaded'])
  })

  test('with a mistake is said once, and nothing is called until it is mended', async () => {
    await open('export const handler = async () => "old"')
    expect(await answerOf()).toBe('old')
    await replace('handler.ts', 'export const handler = async (: number) => "new"')
    await eventually(kinds).toEqual(['loaded', 'not-loaded'])
    for (let time = 0; time < 2; time += 1) {
      expect(await call()).toMatchObject({ kind: 'not-called', reason: 'refused' })
    }
    expect(reasons()).toEqual([expect.stringMatching(/handler\.ts:1\n(.*\n)*SyntaxError/)])
    expect(reasons()[0]).not.toContain('node:internal')
    await replace('handler.ts', 'export const handler = async () => "new"')
    await eventually(() => reloads).toBe(1)
    expect(await answerOf()).toBe('new')
  })
})

describe('a file that cannot be called is not', () => {
  test.each([
    [
      'export const bill = () => {}',
      'handler.ts exports no function "handler", and no default one; it exports bill',
    ],
    ['import "./none.ts"', 'Cannot find module'],
    ['throw new Error("no configuration")', 'Error: no configuration'],
    ['process.exit(4)', 'exit code 4'],
  ])('%s', async (source, reason) => {
    await open(source)
    const outcome = await call()
    expect(outcome).toMatchObject({ kind: 'not-called', error: expect.stringContaining(reason) })
  })

  test('until what it lacks is there', async () => {
    await open('import { tide } from "./tide.ts"\nexport const handler = async () => tide')
    await eventually(kinds).toEqual(['not-loaded'])
    await write('tide.ts', 'export const tide = "ebb"')
    await eventually(() => reloads).toBe(1)
    expect(await answerOf()).toBe('ebb')
  })

  test('or until it can: each call tries anew', async () => {
    await open(`import { existsSync } from 'node:fs'
      if (!existsSync(new URL('./ready', import.meta.url))) throw new Error('not ready')
      export const handler = async () => 'ready'`)
    expect(await call()).toMatchObject({ kind: 'not-called' })
    await write('ready', '')
    expect(await answerOf()).toBe('ready')
  })
})
