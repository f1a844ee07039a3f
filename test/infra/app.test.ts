import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { FUNCTION_NAMES } from '../../functions/bundle.ts'

const ROOT = join(import.meta.dirname, '../..')
const directory = mkdtempSync(join(tmpdir(), 'tidemark-app-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Synthesized {
  status: number | null
  output: string
  /** The folder with the templates. */
  out: string
}

/** `npx cdk synth` as somebody runs it who has no AWS account, no network, and an old Node of their own. */
async function synthesize(name: string, ...context: string[]): Promise<Synthesized> {
  const out = join(directory, name)
  const child = spawn(
    'npx',
    ['--offline', 'cdk', 'synth', '--quiet', '--output', out, ...context.flatMap(each => ['-c', each])],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: withoutProject(process.env.PATH!),
        HOME: directory,
        HTTPS_PROXY: 'http://127.0.0.1:9',
        HTTP_PROXY: 'http://127.0.0.1:9',
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      },
    },
  )
  const [[status], ...output] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ])
  return { status, output: output.join(''), out }
}

/** npm puts the project's own Node before the system's. */
function withoutProject(path: string): string {
  return path
    .split(':')
    .filter(each => !each.includes('node_modules'))
    .join(':')
}

/** What is deployed: policies for when the stack is deleted, and the functions' bundles by their hashes. */
function summaryOf(out: string, stack: string): { kept: number; bundles: string[] } {
  const { Resources } = JSON.parse(readFileSync(join(out, `${stack}.template.json`), 'utf8')) as {
    Resources: Record<string, { DeletionPolicy?: string; Properties?: { Code?: { S3Key: string } } }>
  }
  const resources = Object.entries(Resources).filter(([id]) => id.startsWith('Broker'))
  return {
    kept: resources.filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain').length,
    bundles: resources.flatMap(([, { Properties }]) => Properties?.Code?.S3Key ?? []),
  }
}

test('the app is synthesized offline, with no credentials, and bundles the same bytes each time', async () => {
  // As an earlier run leaves it, of whose chunks none may be deployed.
  const earlier = join(directory, 'production', 'tidemark-functions', 'produce')
  mkdirSync(earlier, { recursive: true })
  writeFileSync(join(earlier, 'chunk-of-yesterday.mjs'), '')
  const [trial, production] = await Promise.all([
    synthesize('trial'),
    synthesize('production', 'stackName=Orders', 'production=true', 'waking=false'),
  ])
  expect(trial, trial.output).toMatchObject({ status: 0 })
  const assets = readdirSync(trial.out).filter(name => name.startsWith('asset.'))
  const files = assets.flatMap(name => readdirSync(join(trial.out, name)))
  // Of the broker that has no triggers and wakes nobody, all but those that deliver, those that wake, and the one that relays.
  expect(files.filter(name => name === 'index.mjs')).toHaveLength(FUNCTION_NAMES.length - 5)

  expect(production, production.output).toMatchObject({ status: 0 })
  const { kept, bundles } = summaryOf(production.out, 'Orders')
  expect(kept).toBe(2)
  expect(bundles).toHaveLength(FUNCTION_NAMES.length - 5)
  expect(summaryOf(trial.out, 'Tidemark')).toEqual({ kept: 0, bundles })
}, 300_000)

test('the app is not synthesized with a setting that cannot be', async () => {
  const { status, output } = await synthesize('wrong', 'production=perhaps')
  expect(status).toBe(1)
  expect(output).toContain('production is true or false, not perhaps.')
}, 300_000)
