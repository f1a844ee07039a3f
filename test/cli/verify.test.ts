import { expect, test } from 'vitest'
import { verify } from '../../src/cli/commands/verify.ts'
import type { Embedded } from '../../src/embedded/embedded.ts'
import { fakeTerminal } from './fake-terminal.ts'

type Report = ReturnType<Embedded['verify']>
type Finding = Report['findings'] extends AsyncIterable<infer T> ? T : never

const SUMMARY: Report['summary'] = {
  topics: 1,
  partitions: 4,
  partitionsInAll: 4,
  blocks: 2,
  entries: 20,
  segments: 0,
  batches: 30,
  records: 1000,
  bytes: 50_000,
  objects: 3,
  orphanBytes: 700,
  at: null,
}

async function verifyFindings(findings: AsyncIterable<Finding>, terminal = fakeTerminal(), json = false) {
  const store = { verify: () => ({ findings, summary: SUMMARY }) }
  const exitCode = await verify(store, { json, goOn: at => `go on at ${at.topic}` }, terminal)
  return { exitCode, printed: terminal.printed().toString(), noted: terminal.noted() }
}

async function* list(...findings: Finding[]): AsyncGenerator<Finding> {
  yield* findings
}

const leftover: Finding = { severity: 'leftover', place: 'segments/a', problem: 'nothing refers to it' }
const damage: Finding = { severity: 'error', place: 'tides/0', problem: 'a gap before offset 7' }

test('a sound store', async () => {
  const { exitCode, printed, noted } = await verifyFindings(list())
  expect(exitCode).toBe(0)
  expect(printed).toBe('')
  expect(noted).toContain('1,000 records')
  expect(noted).toContain('the store is sound')
})

test('what nothing points at is told and is no failure', async () => {
  const { exitCode, printed, noted } = await verifyFindings(list(leftover))
  expect(exitCode).toBe(0)
  expect(printed).toBe('leftover: segments/a: nothing refers to it\n')
  expect(noted).toContain('1 leftover, 700 B: no harm')
})

test('damage is a failure', async () => {
  const { exitCode, printed, noted } = await verifyFindings(list(leftover, damage))
  expect(exitCode).toBe(1)
  expect(printed).toContain('error: tides/0: a gap before offset 7\n')
  expect(noted).toContain('the store is damaged: 1 error')
})

test('more leftovers than crashes explain are suspicious, and a failure', async () => {
  const suspicion: Finding = {
    severity: 'suspicious',
    place: 'the index',
    problem: 'has an index been lost?',
  }
  const { exitCode, printed, noted } = await verifyFindings(list(leftover, suspicion))
  expect(exitCode).toBe(1)
  expect(printed).toContain('suspicious: the index: has an index been lost?\n')
  expect(noted).toContain('1 leftover, 700 B: see what is suspicious')
  expect(noted).not.toMatch(/no harm|the store is sound/)
})

test('Ctrl-C ends a check that finds nothing for long', async () => {
  const terminal = fakeTerminal()
  async function* slow(): AsyncGenerator<Finding> {
    yield damage
    await new Promise(() => {})
  }
  const result = verifyFindings(slow(), terminal)
  await expect.poll(() => `${terminal.printed()}`).toBe('error: tides/0: a gap before offset 7\n')
  terminal.interrupt()
  expect(await result).toMatchObject({
    exitCode: 130,
    noted: 'interrupted: the rest was not checked\n',
  })
})

test('who interrupts a check is told how it goes on', async () => {
  const terminal = fakeTerminal()
  const at = { topic: 'tides', partition: 3 }
  async function* slow(): AsyncGenerator<Finding> {
    yield damage
    await new Promise(() => {})
  }
  const store = { verify: () => ({ findings: slow(), summary: { ...SUMMARY, at } }) }
  const goOn = (place: typeof at) => `tidemark verify --from ${place.topic}/${place.partition}`
  const exitCode = verify(store, { goOn }, terminal)
  await expect.poll(() => `${terminal.printed()}`).toContain('error')
  terminal.interrupt()
  expect(await exitCode).toBe(130)
  expect(terminal.noted()).toBe(
    'interrupted: the rest was not checked; to go on:\n  tidemark verify --from tides/3\n',
  )
})

test('as JSON each finding is a line, and the last one says what was looked at', async () => {
  const { exitCode, printed } = await verifyFindings(list(leftover, damage), fakeTerminal(), true)
  expect(exitCode).toBe(1)
  const { partitionsInAll: _, at: __, ...looked } = SUMMARY
  const lines = printed.trimEnd().split('\n')
  expect(lines.map(line => JSON.parse(line))).toEqual([
    { kind: 'finding', ...leftover },
    { kind: 'finding', ...damage },
    { kind: 'summary', isComplete: true, error: 1, suspicious: 0, leftover: 1, ...looked, goesOnAt: null },
  ])
})
