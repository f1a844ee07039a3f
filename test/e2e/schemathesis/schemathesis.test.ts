import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pythonWith } from '../../../localstack/python.ts'
import { HttpBroker } from '../../../src/client/http-broker.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { type DevProcess, finished, startDev } from '../../cli/tidemark-process.ts'

/**
 * schemathesis makes requests of what /openapi.json says, right ones and wrong ones, and holds the answers against it.
 * Another seed makes other requests: SCHEMATHESIS_SEED=7 vitest run --project long schemathesis
 */
const SEED = process.env.SCHEMATHESIS_SEED ?? '1'
/** Requests of each kind to each operation: both runs together take about a minute. */
const EXAMPLES = process.env.SCHEMATHESIS_EXAMPLES ?? '50'
/** Against a hang, and for the installation. */
const MS_MAX = 600_000

const TOKEN = 'a-token-that-nobody-guesses'

test.for<[string, string[]]>([
  ['without a token', []],
  ['with a token', ['--token', TOKEN]],
])('schemathesis finds nothing %s', { timeout: MS_MAX }, async ([, options], { skip }) => {
  const python = await installed().catch(error => {
    if (process.env.CI) throw error
    return skip(`NOT TESTED: schemathesis cannot be installed: ${error.message}`)
  })
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-schemathesis-'))
  const store = join(directory, 'store')
  await leaveTrigger(store, directory)
  const dev = await startDev(store, options)
  try {
    await fill(dev, options[1])
    const authorization = options[1] === undefined ? [] : ['--header', `Authorization: Bearer ${options[1]}`]
    const { exitCode, report } = await runSchemathesis(python, directory, dev.url, authorization)
    expect(exitCode, report).toBe(0)
    expect(dev.stderr()).toBe('')
  } finally {
    await dev.end('SIGKILL')
    rmSync(directory, { recursive: true })
  }
})

function installed(): Promise<string> {
  return pythonWith('schemathesis', join(import.meta.dirname, 'requirements.txt'))
}

/** A trigger, which nobody makes by a request: a process that is killed leaves its own behind. */
async function leaveTrigger(store: string, directory: string): Promise<void> {
  const handler = join(directory, 'handler.mjs')
  writeFileSync(handler, 'export const handler = async () => {}')
  const dev = await startDev(store, ['--on', `orders=${handler},group=billing`])
  const broker = new HttpBroker({ url: dev.url })
  await expect.poll(() => broker.listTriggers(), { timeout: 30_000 }).toHaveLength(1)
  await dev.end('SIGKILL')
}

/** Records in the topic that the examples of the description name. */
async function fill({ url }: DevProcess, token: string | undefined): Promise<void> {
  const broker = new HttpBroker({ url, ...(token !== undefined && { token }) })
  await broker.alterTopic({ topic: 'orders', partitions: 4 })
  for (const batches of BATCHES) await broker.produce({ topic: 'orders', partition: 0, batches })
}

const BATCHES = (['none', 'gzip', 'zstd'] as const).map(compression =>
  encodeBatch(
    ['ebb', 'flow'].map(value => ({ key: Buffer.from('tide'), value: Buffer.from(value) })),
    { nowMs: Date.UTC(2024, 0), compression },
  ),
)

async function runSchemathesis(python: string, directory: string, url: string, more: readonly string[]) {
  const settings = [
    '--checks',
    'all',
    '--phases',
    'examples,coverage,fuzzing,stateful',
    '--continue-on-failure',
  ]
  const seeded = [
    '--seed',
    SEED,
    '--max-examples',
    EXAMPLES,
    '--generation-database',
    'none',
    '--workers',
    '1',
  ]
  const child = spawn(
    python,
    [
      '-m',
      'schemathesis.cli',
      'run',
      `${url}/openapi.json`,
      ...settings,
      ...seeded,
      // A machine that is busy with other tests finds nothing wrong either.
      ...['--request-timeout', '60', '--suppress-health-check', 'too_slow'],
      '--no-color',
      ...more,
    ],
    {
      cwd: directory,
      env: {
        ...process.env,
        SCHEMATHESIS_HOOKS: join(import.meta.dirname, 'hooks.py'),
        PYTHONDONTWRITEBYTECODE: '1',
        TIDEMARK_BATCHES: JSON.stringify(BATCHES.map(batch => Buffer.from(batch).toString('base64'))),
      },
    },
  )
  child.stdin.end()
  const { exitCode, stdout, stderr } = await finished(child)
  return { exitCode, report: `${stdout}${stderr}` }
}
