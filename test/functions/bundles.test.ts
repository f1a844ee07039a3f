import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleFunctions, FUNCTION_NAMES } from '../../functions/bundle.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-bundles-'))

const ENVIRONMENT = {
  PATH: process.env.PATH,
  TIDEMARK_TABLE: 'table',
  TIDEMARK_BUCKET: 'bucket',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'secret',
  // Where nobody listens: what is tested here needs no store.
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
}

/** What the SDK would use for multi-region access points, if it were there; it only says so in messages. */
const ONLY_MENTIONED = ['@aws-sdk/signature-v4-crt', '@aws-sdk/signature-v4a']

beforeAll(() => bundleFunctions(directory))

afterAll(() => rmSync(directory, { recursive: true }))

function filesOf(name: string): string[] {
  return readdirSync(join(directory, name))
}

interface Called {
  readonly result: { statusCode: number; headers: Record<string, string>; body: string }
  readonly stdout: string
}

/** Imports a bundle in a process of its own, from outside the checkout, and calls its handler. */
async function callBundle(name: string, event: unknown, environment: object = {}): Promise<Called> {
  const code = `
    const { handler } = await import(${JSON.stringify(join(directory, name, 'index.mjs'))})
    const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 5_000 }
    const result = await handler(${JSON.stringify(event)}, context)
    console.log('RESULT ' + JSON.stringify(result))
    process.exit()`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    cwd: tmpdir(),
    env: { ...ENVIRONMENT, ...environment },
  })
  const result = /^RESULT (.*)$/m.exec(stdout)?.[1]
  return { result: result === undefined || result === 'undefined' ? undefined : JSON.parse(result), stdout }
}

describe.each(FUNCTION_NAMES)('the bundle of %s', name => {
  test('holds all that it needs but for Node', () => {
    const imported = filesOf(name)
      .filter(file => file.endsWith('.mjs'))
      .flatMap(file => {
        const source = readFileSync(join(directory, name, file), 'utf8')
        const statement = /(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*["']([^"'\\\n]+)["']/g
        return [...source.matchAll(statement)].map(([, specifier]) => specifier!)
      })
    expect(imported.length).toBeGreaterThan(5)
    const outside = imported.filter(
      specifier =>
        !specifier.startsWith('node:') &&
        !builtinModules.includes(specifier) &&
        !ONLY_MENTIONED.includes(specifier) &&
        !filesOf(name).includes(specifier.replace('./', '')),
    )
    expect(outside).toEqual([])
  })

  test('has no native module', () => {
    for (const file of filesOf(name)) {
      expect(file).not.toMatch(/\.node$/)
      expect(readFileSync(join(directory, name, file), 'utf8')).not.toMatch(/\.node["'`]/)
    }
  })

  test('carries one language only, and no generator of descriptions', () => {
    const source = readFileSync(join(directory, name, 'index.mjs'), 'utf8')
    expect(source).not.toContain('Ungültige Eingabe')
    expect(source).not.toContain('components/schemas')
  })

  test('stays small', () => {
    // A bound that catches what slips in, with room for what is added; bench/functions.ts prints what it is.
    expect(readFileSync(join(directory, name, 'index.mjs')).length).toBeLessThan(600_000)
  })
})

test('the same sources give the same bytes', () => {
  const again = mkdtempSync(join(tmpdir(), 'tidemark-bundles-'))
  try {
    bundleFunctions(again)
    for (const name of FUNCTION_NAMES) {
      expect(readdirSync(join(again, name))).toEqual(filesOf(name))
      for (const file of filesOf(name)) {
        expect(readFileSync(join(again, name, file)).equals(readFileSync(join(directory, name, file)))).toBe(
          true,
        )
      }
    }
  } finally {
    rmSync(again, { recursive: true })
  }
})

describe('a bundled handler', () => {
  test.each(['produce', 'fetch', 'admin'])(
    'of %s answers, and writes one line with its metrics',
    async name => {
      const { result, stdout } = await callBundle(name, { method: 'GET', path: '/health' })
      expect([result.statusCode, result.body]).toEqual([200, '{"status":"ok"}'])
      const lines = stdout.split('\n').filter(line => line !== '' && !line.startsWith('RESULT'))
      expect(lines).toHaveLength(1)
      expect(JSON.parse(lines[0]!)).toMatchObject({
        _aws: { CloudWatchMetrics: [{ Namespace: 'Tidemark', Dimensions: [['service', 'broker']] }] },
        service: name,
        broker: ENVIRONMENT.TIDEMARK_TABLE,
        requestId: 'request-1',
        Requests: 1,
        ColdStarts: 1,
      })
    },
  )

  test('tells of an error by its name, beside the sum of all', async () => {
    const { result, stdout } = await callBundle('produce', { method: 'GET', path: '/nothing' })
    expect(result.statusCode).toBe(404)
    expect(JSON.parse(stdout.split('\n')[0]!)).toMatchObject({
      _aws: {
        CloudWatchMetrics: [
          {
            Dimensions: [
              ['service', 'broker'],
              ['service', 'broker', 'kafkaError'],
            ],
          },
        ],
      },
      kafkaError: 'INVALID_REQUEST',
      Errors: 1,
    })
  })

  test('of flush has nothing to do for nothing', async () => {
    const { stdout } = await callBundle('flush', { Records: [] })
    expect(JSON.parse(stdout.split('\n')[0]!)).toMatchObject({ service: 'flush', FlushedPartitions: 0 })
  })

  test('of admin describes the API', async () => {
    const { result } = await callBundle('admin', { method: 'GET', path: '/openapi.json' })
    expect(JSON.parse(result.body).openapi).toBe('3.1.0')
  })

  test('can be traced', async () => {
    const traced = { POWERTOOLS_TRACE_ENABLED: 'true', AWS_XRAY_CONTEXT_MISSING: 'IGNORE_ERROR' }
    const { result } = await callBundle('produce', { method: 'GET', path: '/health' }, traced)
    expect(result.statusCode).toBe(200)
  })

  test('says what its environment lacks', async () => {
    const call = callBundle('produce', {}, { TIDEMARK_TABLE: '', TIDEMARK_BUCKET: '' })
    await expect(call).rejects.toThrow(/Set TIDEMARK_TABLE and TIDEMARK_BUCKET in the function's environment/)
  })
})
