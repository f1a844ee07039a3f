import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleFunctions, FUNCTION_NAMES } from '../../functions/bundle.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-bundles-'))

const ENVIRONMENT = {
  PATH: process.env.PATH,
  TIDEMARK_TABLE: 'table',
  TIDEMARK_BUCKET: 'bucket',
  TIDEMARK_WAKE_UPS: 'http://127.0.0.1:1/queue.fifo',
  TIDEMARK_BOOTSTRAP_SERVERS: 'broker.example:443',
  TIDEMARK_MAINTAIN: 'maintain',
  TIDEMARK_CONNECTIONS_URL: 'http://127.0.0.1:1/waking',
  AWS_LAMBDA_FUNCTION_NAME: 'maintain',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'secret',
  // Where nobody listens: what is tested here needs no store.
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
}

/** Those that have nothing to do with records. */
const WITHOUT_BUCKET = ['listen', 'post']

/** What the SDK would use for multi-region access points, if it were there; it only says so in messages. */
const ONLY_MENTIONED = ['@aws-sdk/signature-v4-crt', '@aws-sdk/signature-v4a']

beforeAll(() => bundleFunctions(directory))

afterAll(() => rmSync(directory, { recursive: true }))

function filesOf(name: string): string[] {
  return readdirSync(join(directory, name))
}

function read(name: string, file: string): string {
  return readFileSync(join(directory, name, file), 'latin1')
}

/** The entry, and the chunks that are loaded with it. */
function loadedFilesOf(name: string): string[] {
  const loaded = new Set(['index.mjs'])
  for (const file of loaded) {
    for (const [, chunk] of read(name, file).matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+)["']/g)) {
      loaded.add(chunk!)
    }
  }
  return [...loaded]
}

interface Called {
  readonly result: { statusCode: number; headers: Record<string, string>; body: string }
  readonly stdout: string
  /** Of Node what was loaded, and zod where it was. */
  readonly modules: readonly string[]
}

/** Imports a bundle in a process of its own, from outside the checkout, and calls its handler. */
async function callBundle(name: string, event: unknown, environment: object = {}): Promise<Called> {
  const code = `
    const bundle = import(${JSON.stringify(join(directory, name, 'index.mjs'))})
    // Node prints the line that threw: here that is all of a bundle, and what comes after it can get lost.
    const { handler } = await bundle.catch(error => { throw new Error(error.message) })
    const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 5_000 }
    const result = await handler(${JSON.stringify(event)}, context)
    console.log('RESULT ' + JSON.stringify(result))
    // What zod leaves behind where it is loaded.
    const modules = [...process.moduleLoadList, ...('__zod_globalRegistry' in globalThis ? ['zod'] : [])]
    // Once all of it has left: an answer may be larger than what a pipe takes at once.
    process.stdout.write('RESULT MODULES ' + JSON.stringify(modules) + '\\n', () => process.exit())`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    cwd: tmpdir(),
    env: { ...ENVIRONMENT, ...environment },
  })
  const result = /^RESULT (?!MODULES)(.*)$/m.exec(stdout)?.[1]
  const modules = JSON.parse(/^RESULT MODULES (.*)$/m.exec(stdout)![1]!)
  return {
    result: result === undefined || result === 'undefined' ? undefined : JSON.parse(result),
    stdout,
    modules,
  }
}

describe.each(FUNCTION_NAMES)('the bundle of %s', name => {
  test('holds all that it needs but for Node', () => {
    const imported = filesOf(name)
      .filter(file => file.endsWith('.mjs'))
      .flatMap(file => {
        const source = readFileSync(join(directory, name, file), 'utf8')
        // Not the text "from", which is no statement.
        const statement = /(?<!["'])(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*["']([^"'\\\n]+)["']/g
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
    const bytesMax =
      ({ fetch: 500, maintain: 500, admin: 430, rebalance: 420, deliver: 510, listen: 250, post: 80 }[
        name as string
      ] ?? 410) * 1024
    const bytes = loadedFilesOf(name).reduce((sum, file) => sum + read(name, file).length, 0)
    expect(bytes).toBeLessThan(bytesMax)
  })

  test("carries S3's client where nearly every call needs it, and else loads it on demand", () => {
    const isS3 = (file: string) => read(name, file).includes('com.amazonaws.s3')
    expect(filesOf(name).some(isS3)).toBe(!WITHOUT_BUCKET.includes(name))
    expect(loadedFilesOf(name).some(isS3)).toBe(['fetch', 'flush', 'maintain'].includes(name))
  })

  test('carries no schemas of bodies', () => {
    expect(loadedFilesOf(name).some(file => read(name, file).includes('__zod_globalRegistry'))).toBe(false)
  })
})

test('the same sources give the same bytes, from whatever folder they are bundled', () => {
  const again = mkdtempSync(join(tmpdir(), 'tidemark-bundles-'))
  const build = join(import.meta.dirname, '../../functions/build.ts')
  try {
    // CDK names the folder of its output relative to that of the app.
    execFileSync(process.execPath, [build, basename(again)], { cwd: dirname(again) })
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
  test.each(['produce', 'fetch', 'rebalance', 'admin'])(
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

  test.each([
    ['produce', { method: 'GET', path: '/health' }],
    ['produce', { method: 'POST', path: '/topics/t/records', headers: { 'content-type': 'text/html' } }],
    ['fetch', { method: 'GET', path: '/topics/t/partitions/0/records' }],
    ['admin', { method: 'GET', path: '/openapi.json' }],
  ])('of %s answers %j without zod and without an HTTP client for the whole web', async (name, event) => {
    const { result, modules } = await callBundle(name, event)
    expect([200, 400, 415]).toContain(result.statusCode)
    expect(modules).not.toContain('NativeModule internal/deps/undici/undici')
    expect(modules).not.toContain('NativeModule http2')
    expect(modules).not.toContain('zod')
  })

  test('of produce loads zod for JSON', async () => {
    const { result, modules } = await callBundle('produce', {
      method: 'POST',
      path: '/topics/t/records',
      headers: { 'content-type': 'application/json' },
      body: '{"records":[{"value":1}]}',
    })
    expect(JSON.parse(result.body).detail).toContain('body.records[0].value: must be a string')
    expect(modules).toContain('zod')
  })

  test('of flush has nothing to do for nothing', async () => {
    const { stdout } = await callBundle('flush', { Records: [] })
    expect(JSON.parse(stdout.split('\n')[0]!)).toMatchObject({ service: 'flush', FlushedPartitions: 0 })
  })

  test('of flush says what its environment lacks', async () => {
    const call = callBundle('flush', { Records: [] }, { TIDEMARK_MAINTAIN: '' })
    await expect(call).rejects.toThrow("Set TIDEMARK_MAINTAIN in the function's environment")
  })

  test('of maintain drops what is no call', async () => {
    const { result } = await callBundle('maintain', { Records: [] })
    expect(result).toBeUndefined()
  })

  test('of deliver has nothing to do for nothing, and says what its environment lacks', async () => {
    const { result } = await callBundle('deliver', { Records: [] })
    expect(result).toEqual({ batchItemFailures: [] })
    const call = callBundle('deliver', { Records: [] }, { TIDEMARK_WAKE_UPS: '' })
    await expect(call).rejects.toThrow("Set TIDEMARK_WAKE_UPS in the function's environment")
  })

  test('of listen answers what it does not understand, without the table', async () => {
    const requestContext = { eventType: 'MESSAGE', connectionId: 'a' }
    const { result, stdout } = await callBundle('listen', { requestContext, body: 'what?' })
    expect(JSON.parse(result.body)).toMatchObject({ type: 'error', error: 'INVALID_REQUEST' })
    expect(stdout.startsWith('RESULT')).toBe(true)
  })

  test('of post fails for nothing that cannot be sent, and tells nothing of what can', async () => {
    expect((await callBundle('post', { posts: [] })).stdout.startsWith('RESULT')).toBe(true)
    // Nobody listens there.
    const { result } = await callBundle('post', { posts: [{ socket: 'a', message: '{}' }] })
    expect(result).toBe(undefined)
    const call = callBundle('post', {}, { TIDEMARK_CONNECTIONS_URL: '' })
    await expect(call).rejects.toThrow("Set TIDEMARK_CONNECTIONS_URL in the function's environment")
  })

  test('of dispatch has nothing to do for nothing, whomever it serves', async () => {
    // Whether there are triggers, only the table knows.
    for (const post of ['post', '']) {
      const environment = { TIDEMARK_POST: post, TIDEMARK_WAKE_UPS: '' }
      const { stdout } = await callBundle('dispatch', { Records: [] }, environment)
      expect(JSON.parse(stdout.split('\n')[0]!)).toMatchObject({ service: 'dispatch', WakeUps: 0 })
    }
  })

  test('of relay has nothing to do for nothing, and tells nothing', async () => {
    expect((await callBundle('relay', { partitions: [] })).stdout.startsWith('RESULT')).toBe(true)
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
