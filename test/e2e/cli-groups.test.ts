import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GroupDescription } from '../../src/contract/groups.ts'
import { type DevProcess, finished, runTidemark, spawnTidemark, startDev } from '../cli/tidemark-process.ts'
import { quickClock } from './quick-clock.ts'

/** Members look around every few seconds, and hand over what they have when they are told. */
const clock = quickClock(5)
let directory: string
let dev: DevProcess

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-cli-groups-'))
  dev = await startDev(directory, [], clock.environment)
})

afterAll(async () => {
  await dev.end('SIGKILL')
  await rm(directory, { recursive: true })
})

const toDev = () => ({ TIDEMARK_BROKER: dev.url, ...clock.environment })

/** Runs a command that has to succeed, and answers what it printed. */
async function printed(commandLine: string[], input = ''): Promise<string> {
  const { exitCode, stdout, stderr } = await runTidemark(commandLine, { input, environment: toDev() })
  expect(exitCode, stderr).toBe(0)
  return stdout.toString()
}

async function describeGroup(groupId: string): Promise<GroupDescription> {
  return JSON.parse(await printed(['group', 'describe', groupId, '--json']))
}

/** Until its notes say what it owns. */
async function startMember(commandLine: string[], owns: string) {
  const child = spawnTidemark(['consume', ...commandLine], toDev())
  const end = finished(child)
  let notes = ''
  child.stderr.on('data', chunk => {
    notes += chunk
  })
  await expect.poll(() => notes, { timeout: 30_000 }).toContain(owns)
  return {
    async end(signal: NodeJS.Signals) {
      child.kill(signal)
      return await end
    },
  }
}

test('a group from its first consumer to its end', async () => {
  await printed(['topic', 'create', 'tides', '--partitions', '2'])
  for (const partition of ['0', '1']) await printed(['produce', 'tides', '-p', partition], 'a\nb\nc\n')
  expect(await printed(['consume', 'tides', '--group', 'a/b #1', '-e'])).toMatch(/^([abc]\n){6}$/)
  expect(await printed(['consume', 'tides', '--group', 'a/b #1', '-e'])).toBe('')
  expect(await printed(['group', 'list'])).toMatch(/\na\/b #1 +Empty +0 +consumer\n/)
  expect(await printed(['topic', 'describe', 'tides', '--groups'])).toMatch(/\na\/b #1 +Empty +0 +0\n/)
  await printed(['group', 'reset', 'a/b #1', '--topic', 'tides:1', '--to', '-1'])
  expect(await printed(['offsets', 'tides', '--group', 'a/b #1'])).toMatch(/\n +1 +0 +2 +3 +1\n/)
  expect(await printed(['consume', 'tides', '--group', 'a/b #1', '-e'])).toBe('c\n')
  await printed(['group', 'delete', 'a/b #1'])
  expect(JSON.parse(await printed(['group', 'list', '--json']))).toEqual([])
})

test('a group over a directory, by pattern', async () => {
  const store = ['--dir', join(directory, 'alone')]
  for (const topic of ['winds-a', 'winds-b', 'waves']) {
    await printed([...store, 'topic', 'create', topic])
    await printed([...store, 'produce', topic], `${topic}\n`)
  }
  const read = await printed([...store, 'consume', '--pattern', 'winds-.', '--group', 'g', '-e'])
  expect(read.split('\n').toSorted()).toEqual(['', 'winds-a', 'winds-b'])
})

test('a static member that comes back has what it had, and nothing has moved', async () => {
  await printed(['topic', 'create', 'still', '--partitions', '2'])
  const stays = await startMember(['still', '--group', 'pier'], 'owns still 0-1 ')
  const options = ['still', '--group', 'pier', '--instance-id', 'pier-1']
  const comes = await startMember(options, 'owns still ')
  await expect.poll(async () => (await describeGroup('pier')).state, { timeout: 30_000 }).toBe('Stable')
  const before = await describeGroup('pier')
  expect((await comes.end('SIGINT')).exitCode).toBe(0)
  expect((await describeGroup('pier')).members).toBe(2)
  const back = await startMember(options, 'owns still ')
  const after = await describeGroup('pier')
  expect(after.epoch).toBe(before.epoch)
  expect(after.partitions).toEqual(before.partitions)
  await back.end('SIGINT')
  const { stderr } = await stays.end('SIGINT')
  expect(stderr).not.toContain('lost')
})

test('a reset waits until nobody is there', async () => {
  await printed(['topic', 'create', 'busy'])
  const member = await startMember(['busy', '--group', 'crew'], 'owns busy 0 ')
  const reset = ['group', 'reset', 'crew', '--all-topics', '--to', 'earliest']
  const refused = await runTidemark(reset, { environment: toDev() })
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('has 1 member') })
  await member.end('SIGINT')
  expect(await printed(reset)).toMatch(/busy +0 +0 +0\n/)
})
