import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { batchOf } from '../broker/harness.ts'
import { type DevProcess, runTidemark, startDev } from '../cli/tidemark-process.ts'

/** `tidemark dev --on` with handlers in files, as a developer uses it. */

let folder: string
const running: DevProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-dev-triggers-'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
})
afterEach(async () => {
  for (const dev of running.splice(0)) if (dev.child.exitCode === null) await dev.end('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** A handler that writes down what it gets, after a word. */
const handlerOf = (word: string, body = '') => `
  import { appendFileSync } from 'node:fs'
  export const handler = async (event: { records: Record<string, { offset: number; value: string }[]> }) => {
    const values = Object.values(event.records).flat().map(({ value }) => Buffer.from(value, 'base64').toString())
    ${body}
    appendFileSync(${JSON.stringify(join(folder, 'seen'))}, values.map(value => '${word} ' + value + '\\n').join(''))
  }`

/** As editors do: another file takes the name. */
async function edit(text: string): Promise<void> {
  const path = join(folder, 'handler.ts')
  await writeFile(`${path}~`, text)
  await rename(`${path}~`, path)
}

async function start(on: string, ...more: string[]) {
  const dev = await startDev(join(folder, 'data'), ['--on', on, ...more])
  let output = ''
  dev.child.stdout.on('data', chunk => {
    output += chunk
  })
  running.push(dev)
  const broker = new HttpBroker({ url: dev.url })
  // Topics are made when it listens already.
  await expect
    .poll(async () => (await broker.listTriggers()).map(({ topic }) => topic), { timeout: 30_000 })
    .toEqual(['orders'])
  const produce = (...values: string[]) =>
    broker.produce({ topic: 'orders', partition: 0, batches: batchOf(values) })
  return { dev, broker, produce, output: () => output }
}

const trigger = (options = '') => `orders=${join(folder, 'handler.ts')}${options}`
const seen = async () =>
  (await readFile(join(folder, 'seen'), 'utf8').catch(() => '')).split('\n').slice(0, -1)
const EVENTUALLY = { timeout: 30_000 }

describe('dev --on', () => {
  test('calls a handler that is edited while it runs, and goes on after a restart', async () => {
    await edit(handlerOf('first'))
    const { dev, produce, output } = await start(trigger())
    await expect.poll(output, EVENTUALLY).toContain('made the topic orders, with one partition')
    await expect.poll(output, EVENTUALLY).toContain('handler.ts: loaded\n')
    await produce('a', 'b')
    await expect.poll(seen, EVENTUALLY).toEqual(['first a', 'first b'])

    await edit(handlerOf('second', 'console.log("hello")'))
    await expect.poll(output, EVENTUALLY).toContain('loaded as it is now')
    await produce('c')
    await expect.poll(seen, EVENTUALLY).toEqual(['first a', 'first b', 'second c'])
    await expect.poll(output, EVENTUALLY).toMatch(/\] hello\norders-0 {2}1 record, offset 2: [\d.]+ ms\n/)

    await edit('export const handler = async (: number) => {}')
    await expect.poll(output, EVENTUALLY).toContain('cannot be called')
    await produce('d')
    await edit(handlerOf('third'))
    await expect.poll(seen, EVENTUALLY).toEqual(['first a', 'first b', 'second c', 'third d'])

    expect(await dev.end('SIGTERM')).toBe(0)
    expect(dev.stderr()).toContain('stopped')
    const triggers = await runTidemark(['--dir', join(folder, 'data'), 'trigger', 'list', '--json'])
    expect(JSON.parse(triggers.stdout.toString())).toEqual([])

    const again = await start(trigger())
    await again.produce('e')
    await expect.poll(seen, EVENTUALLY).toEqual(['first a', 'first b', 'second c', 'third d', 'third e'])
  })

  test('gives up what is poisoned, alone', async () => {
    await edit(handlerOf('ok', 'if (values.includes("poison")) throw new TypeError("poisoned")'))
    const { broker, produce, output } = await start(trigger(',bisect,retries=0,on-failure=tidemark://failed'))
    await expect.poll(output, EVENTUALLY).toContain('made the topic failed')
    await produce('a', 'poison', 'b')
    await expect.poll(seen, EVENTUALLY).toEqual(['ok a', 'ok b'])
    await expect
      .poll(async () => (await broker.describeTopic('failed')).offsets, EVENTUALLY)
      .toEqual([{ partition: 0, startOffset: 0, endOffset: 1, bytes: expect.any(Number) }])
    expect(output()).toMatch(/orders-0 {2}1 record, offset 1: FAILED after [\d.]+ ms: TypeError: poisoned\n/)
    expect(output()).toContain('orders-0  gave up 1 record: told to tidemark://failed\n')
    // What fails is told of with its place, and with nothing of what called it.
    expect(output()).toMatch(
      /handler\.ts\] TypeError: poisoned\n\[[^\n]*handler\.ts:\d+:\d+\)\n(?!\[[^\n]* at )/,
    )
  })

  test('takes over what a dev left that was killed, and goes on where it was', async () => {
    await edit(handlerOf('first'))
    const { dev, produce } = await start(trigger(',group=billing'))
    await produce('a')
    await expect.poll(seen, EVENTUALLY).toEqual(['first a'])
    await dev.end('SIGKILL')
    await edit(handlerOf('second'))
    const again = await start(trigger(',group=billing'))
    await again.produce('b')
    await expect.poll(async () => (await seen()).at(-1), EVENTUALLY).toBe('second b')
    // The batch before may be repeated where its commit was lost, and nothing else.
    expect((await seen()).filter(line => line.endsWith('a')).length).toBeLessThanOrEqual(2)
    expect(await again.broker.listTriggers()).toHaveLength(1)
  })

  test('lets the call under way end before it stops', async () => {
    await edit(
      handlerOf('slow', `console.log('begun'); await new Promise(resolve => setTimeout(resolve, 1_000))`),
    )
    const { dev, produce, output } = await start(trigger())
    await produce('a')
    await expect.poll(output, EVENTUALLY).toContain('begun')
    expect(await dev.end('SIGINT')).toBe(0)
    expect(await seen()).toEqual(['slow a'])
    const offsets = ['--dir', join(folder, 'data'), 'group', 'describe', 'dev-orders-handler', '--json']
    expect((await runTidemark(offsets)).stdout.toString()).toMatch(/"lag": ?0/)
  })
})

describe('dev --on refuses', () => {
  test.each([
    ['orders', "'orders' names no file: give TOPIC=FILE"],
    ['=package.json', "'=package.json' names no topic"],
    ['orders=./none.ts', 'there is no file ./none.ts'],
    ['or ders=package.json', 'or ders'],
    ['orders=package.json,retires=2', "'retires' is no option"],
    ['orders=package.json,retries=some', "retries: 'some' is not a whole number"],
    ['orders=package.json,window=10m', "window: A trigger's setting"],
    ['orders=package.json,retries', 'retries needs a value'],
    ['orders=package.json,bisect=yes', 'bisect takes no value'],
    ['orders=package.json,window=2', 'is no duration'],
    ['orders=package.json,batch-size=100000', '10000'],
    ['orders=package.json,filter={"values":["a"]}', 'values'],
    ['orders=package.json,from=12', 'earliest, latest or a time'],
    [
      'orders=package.json,on-failure=failed',
      "on-failure: 'failed' is neither tidemark://TOPIC nor file:PATH",
    ],
    ['orders=package.json,on-failure=file:none/failed', 'on-failure: there is no folder'],
  ])('%s', async (on, message) => {
    const { exitCode, stderr } = await runTidemark(['dev', '--dir', join(folder, 'data'), '--on', on])
    expect(stderr).toContain(message)
    expect(exitCode).toBe(2)
    // Before anything starts.
    await expect(readFile(join(folder, 'data'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
