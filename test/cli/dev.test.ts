import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { commandName, dev } from '../../src/cli/commands/dev.ts'
import { fakeTerminal } from './fake-terminal.ts'

const SETTINGS = {
  directory: 'data',
  listen: { host: '127.0.0.1', port: 8082 },
  token: null,
  insecure: false,
  allowedHosts: [],
  triggers: [],
  isQuiet: false,
}

async function runDev(url: string, token: string | null) {
  const terminal = fakeTerminal()
  let closed = false
  const start = async () => ({
    url,
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
