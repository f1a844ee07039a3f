import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What is told of these steps: each has a name, its exit code, what it printed, and what its tests came to. */
function told(...steps: { name: string; code: number; log?: string; suites?: object[] }[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-steps-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  steps.forEach(({ name, code, log = '', suites }, number) => {
    writeFileSync(join(folder, `${number}.code`), `${code} ${name}\n`)
    writeFileSync(join(folder, `${number}.log`), log)
    if (suites) writeFileSync(join(folder, `${number}.json`), JSON.stringify({ testResults: suites }))
  })
  return execFileSync(process.execPath, ['.ci/failures.mjs', folder], { cwd: ROOT, encoding: 'utf8' })
}

const passed = { name: join(ROOT, 'test/a.test.ts'), status: 'passed', message: '', assertionResults: [] }

test('nothing is told where nothing failed', () => {
  expect(told({ name: 'npm ci', code: 0 }, { name: 'npm test', code: 0, suites: [passed] })).toBe('')
})

test('each test that failed is named, with the first line of its error, step by step', () => {
  const failed = {
    ...{ status: 'failed', ancestorTitles: ['a lock'], title: 'holds' },
    failureMessages: ['\n\u001b[31mAssertionError\u001b[39m: expected 1 to be 2\n    at somewhere'],
  }
  const fine = { status: 'passed', ancestorTitles: [], title: 'opens', failureMessages: [] }
  const suites = [
    passed,
    {
      name: join(ROOT, 'test/b.test.ts'),
      status: 'failed',
      message: '',
      assertionResults: [fine, failed],
    },
    { name: join(ROOT, 'test/c.test.ts'), status: 'failed', message: 'no such file', assertionResults: [] },
  ]
  const check = { name: 'npm run check', code: 1, suites: suites.slice(0, 2) }
  const all = { name: 'npm test', code: 1, suites: suites.slice(2) }
  expect(told({ name: 'npm ci', code: 0 }, check, all).split('\n')).toEqual([
    '',
    'FAILED: npm run check (exit code 1)',
    '  test/b.test.ts > a lock > holds',
    '    AssertionError: expected 1 to be 2',
    '',
    'FAILED: npm test (exit code 1)',
    '  test/c.test.ts',
    '    no such file',
    '',
  ])
})

test('of a step that failed without a test the end of what it printed is told', () => {
  const log = Array.from({ length: 100 }, (_, line) => `line ${line}`).join('\n')
  const lines = told({ name: 'npm run check', code: 2, log, suites: [passed] }).split('\n')
  expect(lines[1]).toBe('FAILED: npm run check (exit code 2)')
  expect(lines.at(-2)).toBe('  line 99')
  expect(lines.length).toBeLessThan(60)
})
