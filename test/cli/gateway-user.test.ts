import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { run } from '../../src/cli/main.ts'
import { parseUsers } from '../../src/embedded/users-file.ts'
import { chunks, fakeTerminal } from './fake-terminal.ts'

function usersFile() {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-users-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'users.json')
  const runUser = async (input: (string | Uint8Array)[], ...words: string[]) => {
    const terminal = fakeTerminal(input)
    const exitCode = await run(['gateway-user', ...words, '--users', file], terminal, {})
    return { exitCode, printed: terminal.printed().toString(), noted: terminal.noted() }
  }
  return { file, runUser }
}

/** Somebody who types. */
async function type(file: string, ...keys: string[]) {
  const terminal = fakeTerminal()
  const raw: boolean[] = []
  terminal.input = Object.assign(chunks(keys), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => raw.push(isRaw),
  })
  const exitCode = await run(['gateway-user', 'set', 'alice', '--users', file], terminal, {})
  return { exitCode, noted: terminal.noted(), raw }
}

test('users are added, listed and removed; the file is for its owner alone', async () => {
  const { file, runUser } = usersFile()
  expect(await runUser(['ebb ', 'flow\nmore'], 'set', 'neap')).toMatchObject({
    exitCode: 0,
    noted: 'added neap\n',
  })
  expect((await runUser(['x'], 'set', 'alice', '--iterations', '4096')).exitCode).toBe(0)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).not.toContain('ebb')
  expect((await runUser([], 'list')).printed).toBe('alice\nneap\n')
  expect(parseUsers(readFileSync(file, 'utf8')).get('alice')?.['SCRAM-SHA-512'].iterations).toBe(4_096)
  expect(await runUser(['y\r\n'], 'set', 'neap')).toMatchObject({ noted: 'neap has another password now\n' })
  expect((await runUser([], 'remove', 'neap')).exitCode).toBe(0)
  expect((await runUser([], 'list')).printed).toBe('alice\n')
})

test('a password is asked for twice where somebody types, and not shown', async () => {
  const { file } = usersFile()
  const { exitCode, noted, raw } = await type(file, 'eb', 'c\x7fb', '\r', 'ebb\r')
  expect([exitCode, raw]).toEqual([0, [true, false]])
  expect(noted).toBe('password of alice: \nonce more: \nadded alice\n')
})

test.each([
  [['ebb\r', 'flow\r'], 1, 'these are two passwords'],
  [['\r', '\r'], 1, 'the password is empty'],
  [['eb\x03'], 130, 'interrupted'],
])('typing %j adds nobody', async (keys, code, told) => {
  const { file, runUser } = usersFile()
  const { exitCode, noted, raw } = await type(file, ...keys)
  expect([exitCode, raw]).toEqual([code, [true, false]])
  expect(noted).toContain(told)
  expect((await runUser([], 'list')).exitCode).toBe(1)
})

test('what is no file of users is left alone', async () => {
  const { file, runUser } = usersFile()
  writeFileSync(file, '{}')
  for (const words of [['set', 'a'], ['remove', 'a'], ['list']]) {
    const { exitCode, noted } = await runUser(['x'], ...words)
    expect([exitCode, noted]).toEqual([1, expect.stringContaining('its version is undefined, and not 1')])
  }
  expect(readFileSync(file, 'utf8')).toBe('{}')
})

test('who is not there cannot be removed', async () => {
  const { runUser } = usersFile()
  await runUser(['x'], 'set', 'alice')
  expect(await runUser([], 'remove', 'bob')).toMatchObject({ exitCode: 1 })
})
