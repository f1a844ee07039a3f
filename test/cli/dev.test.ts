import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { commandName, dev } from '../../src/cli/commands/dev.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { fakeTerminal } from './fake-terminal.ts'

const SETTINGS = {
  directory: 'data',
  listen: { host: '127.0.0.1', port: 8082 },
  kafka: undefined,
  token: null,
  insecure: false,
  allowedHosts: [],
  triggers: [],
  isQuiet: false,
  isVerbose: false,
}

async function runDev(url: string, token: string | null) {
  const terminal = fakeTerminal()
  let closed = false
  const start = async () => ({
    url,
    health: undefined,
    runTriggers: async () => {},
    close: async () => {
      closed = true
    },
  })
  const done = dev(start, { ...SETTINGS, token }, terminal)
  await expect.poll(() => terminal.printed().toString()).toContain('Ctrl-C stops it.')
  expect(closed).toBe(false)
  terminal.interrupt()
  expect(await done).toBe(0)
  expect(closed).toBe(true)
  return terminal.printed().toString()
}

// What starts the tests may itself be npx.
beforeEach(() => {
  vi.stubEnv('npm_command', undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

test('says where it is and what to try, and stops cleanly', async () => {
  const printed = await runDev('http://127.0.0.1:8082', null)
  expect(printed).toContain('listens on http://127.0.0.1:8082\n')
  expect(printed).toContain(`${process.cwd()}/data\n`)
  expect(printed).toContain('  tidemark topic create ')
})

test('the commands to try reach another address, and do not show the token', async () => {
  const printed = await runDev('http://127.0.0.1:9999', 'secret')
  expect(printed).toContain('  tidemark --broker http://127.0.0.1:9999 --token … topic create ')
  expect(printed).not.toContain('secret')
})

test('where npx runs it, the commands to try are for npx', async () => {
  vi.stubEnv('npm_command', 'exec')
  expect(await runDev('http://127.0.0.1:8082', null)).toContain('  npx tidemark topic create ')
})

test.each([
  ['/usr/local/bin/tidemark', {}, 'tidemark'],
  ['/usr/local/bin/tidemark', { npm_command: 'run-script' }, 'npx tidemark'],
  ['/home/me/app/node_modules/.bin/tidemark', {}, 'npx tidemark'],
  ['/home/me/tidemark/src/cli/tidemark.js', {}, 'npx tidemark'],
])('run as %s with %j, the commands to try are those of %s', (script, environment, name) => {
  expect(commandName(script, environment)).toBe(name)
})

test('a start that fails is passed on', async () => {
  const start = async () => {
    throw new Error('the port is taken')
  }
  await expect(dev(start, SETTINGS, fakeTerminal())).rejects.toThrow('the port is taken')
})

test('trouble with the store is told once, and when it is over', async () => {
  const terminal = fakeTerminal()
  let trouble: string | undefined
  let looks = 0
  const health = {
    look: async () => {
      looks += 1
      return trouble
    },
  }
  const start = async () => ({ url: 'http://h', health, runTriggers: async () => {}, close: async () => {} })
  vi.useFakeTimers()
  try {
    const done = dev(start, SETTINGS, terminal)
    const pass = async (now: string | undefined) => {
      trouble = now
      await vi.advanceTimersByTimeAsync(3_000)
    }
    await pass(undefined)
    await pass('the disk is full: make room')
    await pass('the disk is full: make room, 4 bytes are left')
    await pass(undefined)
    await pass('the directory is gone')
    terminal.interrupt()
    expect(await done).toBe(0)
    const ended = looks
    await vi.advanceTimersByTimeAsync(10_000)
    expect(looks).toBe(ended)
  } finally {
    vi.useRealTimers()
  }
  expect(
    terminal
      .noted()
      .split('\n')
      .filter(line => line.includes('trouble')),
  ).toEqual([
    'trouble with the store: the disk is full: make room',
    'the trouble with the store is over: it can be written again',
    'trouble with the store: the directory is gone',
  ])
})

test('what goes wrong in the background is a line, told once; with its stack where that was asked for', async () => {
  const noted = async (isVerbose: boolean) => {
    const terminal = fakeTerminal()
    const error = new TidemarkError('KAFKA_STORAGE_ERROR', 'The store cannot do this.')
    const done = dev(
      async (_, report) => {
        for (let times = 0; times < 3; times += 1) report('work in the background failed', error)
        return { url: 'http://h', health: undefined, runTriggers: async () => {}, close: async () => {} }
      },
      { ...SETTINGS, isVerbose },
      terminal,
    )
    terminal.interrupt()
    await done
    return terminal
      .noted()
      .split('\n')
      .filter(line => /background|^ +at /.test(line))
  }
  const line = 'work in the background failed: KAFKA_STORAGE_ERROR: The store cannot do this.'
  expect(await noted(false)).toEqual([line])
  const [first, ...stack] = await noted(true)
  expect(first).toBe(line)
  expect(stack.length).toBeGreaterThan(0)
})
