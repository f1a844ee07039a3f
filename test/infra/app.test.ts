import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { FUNCTION_NAMES } from '../../functions/bundle.ts'

const ROOT = join(import.meta.dirname, '../..')
const directory = mkdtempSync(join(tmpdir(), 'tidemark-app-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** `npx cdk synth` as somebody runs it who has no AWS account, no network, and an old Node of their own. */
function synthesize(
  name: string,
  ...context: string[]
): { status: number | null; output: string; out: string } {
  const out = join(directory, name)
  const { status, stdout, stderr } = spawnSync(
    'npx',
    ['--offline', 'cdk', 'synth', '--quiet', '--output', out, ...context.flatMap(each => ['-c', each])],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: {
        PATH: withoutProject(process.env.PATH!),
        HOME: directory,
        HTTPS_PROXY: 'http://127.0.0.1:9',
        HTTP_PROXY: 'http://127.0.0.1:9',
      },
    },
  )
  return { status, output: stdout + stderr, out }
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

test('the app is synthesized offline, with no credentials, and bundles the same bytes each time', () => {
  const trial = synthesize('trial')
  expect(trial).toMatchObject({ status: 0 })
  const assets = readdirSync(trial.out).filter(name => name.startsWith('asset.'))
  const files = assets.flatMap(name => readdirSync(join(trial.out, name)))
  // Of the broker that has no triggers, all but those that deliver.
  expect(files.filter(name => name === 'index.mjs')).toHaveLength(FUNCTION_NAMES.length - 2)

  // As an earlier run leaves it, of whose chunks none may be deployed.
  const earlier = join(directory, 'production', 'tidemark-functions', 'produce')
  mkdirSync(earlier, { recursive: true })
  writeFileSync(join(earlier, 'chunk-of-yesterday.mjs'), '')
  const production = synthesize('production', 'stackName=Orders', 'production=true')
  expect(production).toMatchObject({ status: 0 })
  const { kept, bundles } = summaryOf(production.out, 'Orders')
  expect(kept).toBe(2)
  expect(bundles).toHaveLength(FUNCTION_NAMES.length - 2)
  expect(summaryOf(trial.out, 'Tidemark')).toEqual({ kept: 0, bundles })
}, 300_000)

test('the app is not synthesized with a setting that cannot be', () => {
  const { status, output } = synthesize('wrong', 'production=perhaps')
  expect(status).not.toBe(0)
  expect(output).toContain('production is true or false, not perhaps.')
}, 300_000)
