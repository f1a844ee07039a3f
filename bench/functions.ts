/**
 * Bundles the functions, and prints what each weighs: the bytes that are loaded with it, the bytes of the chunks that
 * are loaded only when they are called for, and how long a fresh process takes to import it. With --calls, also how long
 * the first and later calls of produce take, on DynamoDB Local.
 *
 *   node bench/functions.ts [--directory <where the bundles stay>] [--runs 10] [--calls]
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Metafile } from 'esbuild'
import { FUNCTION_NAMES } from '../functions/bundle.ts'
import { bundleFunction } from '../functions/bundling.ts'
import { timeProduceCalls } from './function-calls.ts'
import { formatNumber, formatTable } from './table.ts'

const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    runs: { type: 'string', default: '10' },
    calls: { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs)
if (!Number.isSafeInteger(runs) || runs < 1) {
  console.error(`--runs is a whole number above 0, not "${values.runs}"`)
  process.exit(2)
}
const directory = values.directory ?? mkdtempSync(join(tmpdir(), 'tidemark-functions-'))

/** What a handler wants to see before it is loaded; nothing is sent. */
const ENVIRONMENT = {
  PATH: process.env.PATH,
  TIDEMARK_TABLE: 'table',
  TIDEMARK_BUCKET: 'bucket',
  TIDEMARK_WAKE_UPS: 'http://127.0.0.1:1/queue.fifo',
  TIDEMARK_BOOTSTRAP_SERVERS: 'broker.example:443',
  TIDEMARK_CONNECTIONS_URL: 'http://127.0.0.1:1/waking',
  TIDEMARK_MAINTAIN: 'maintain',
  AWS_LAMBDA_FUNCTION_NAME: 'maintain',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'secret',
}

const rows: Record<string, string>[] = []
for (const name of FUNCTION_NAMES) {
  const metafile = await bundleFunction(name, join(directory, name))
  const loaded = loadedWithEntry(metafile)
  const bytes = (names: readonly string[]) =>
    names.reduce((sum, each) => sum + metafile.outputs[each]!.bytes, 0)
  const others = Object.keys(metafile.outputs).filter(each => !loaded.includes(each))
  const times = importTimesMs(join(directory, name, 'index.mjs'))
  rows.push({
    function: name,
    'loaded KB': formatNumber(bytes(loaded) / 1_000),
    'on demand KB': formatNumber(bytes(others) / 1_000),
    'import ms': formatNumber(times[Math.floor(times.length / 2)]!, 1),
    'fastest ms': formatNumber(times[0]!, 1),
  })
}
console.log(`Functions, minified; import: median of ${runs} fresh processes, Node ${process.version}\n`)
console.log(formatTable(rows))
if (values.calls) {
  // DynamoDB Local takes any; the SDK wants some.
  process.env.AWS_ACCESS_KEY_ID ??= 'local'
  process.env.AWS_SECRET_ACCESS_KEY ??= 'local'
  process.env.AWS_REGION ??= 'us-east-1'
  const calls = await timeProduceCalls(join(directory, 'produce', 'index.mjs'), runs)
  console.log('\nCalls of produce, one small record each; import and first call: time of the processor\n')
  console.log(
    formatTable(
      calls.map(({ name, firstMs, firstCpuMs, warmMs }) => ({
        body: name,
        'first ms': formatNumber(firstMs, 1),
        'import and first CPU ms': formatNumber(firstCpuMs, 1),
        'warm ms': formatNumber(warmMs, 1),
      })),
    ),
  )
}
if (values.directory === undefined) rmSync(directory, { recursive: true })

/** The entry and all that it imports statically. */
function loadedWithEntry({ outputs }: Metafile): string[] {
  const entry = Object.keys(outputs).find(name => name.endsWith('index.mjs'))!
  const loaded = new Set([entry])
  for (const name of loaded) {
    for (const { path, kind, external } of outputs[name]!.imports) {
      if (kind === 'import-statement' && !external) loaded.add(path)
    }
  }
  return [...loaded]
}

/** In ascending order. */
function importTimesMs(file: string): number[] {
  const code = `const startedMs = performance.now(); await import(${JSON.stringify(file)}); console.log(performance.now() - startedMs); process.exit()`
  return Array.from({ length: runs }, () =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', code], { env: ENVIRONMENT })),
  ).sort((a, b) => a - b)
}
