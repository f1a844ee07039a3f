/**
 * How long it takes from a produce's answer to the start of a handler that gets the record, deployed on an emulator: the
 * one at AWS_ENDPOINT_URL, or a MiniStack of its own. Then, with --idle-minutes, how often the functions that deliver run
 * while nothing happens. With --embedded instead in this process, on a directory, and deployed nowhere.
 *
 *   node bench/trigger-latency.ts [--records 100] [--idle-minutes 5] [--embedded]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CloudWatchLogsClient, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs'
import { freePort, startGuarded, untilAnswers } from '../localstack/guarded.ts'
import { MINISTACK_HEALTH_PATH, ministackCommand } from '../localstack/ministack.ts'
import { bootstrapAccount, deleteStack, deployStack } from '../localstack/stack.ts'
import { signedByAws } from '../src/adapters/aws/signing/request-signer.ts'
import { HttpBroker } from '../src/client/http-broker.ts'
import { encodeBatch } from '../src/core/record/index.ts'
import { measureLocal } from './local-trigger-latency.ts'
import { formatNumber, formatTable } from './table.ts'

const STACK = 'TriggerLatency'
const TOPIC = 'timed'
const WARM_UP_RECORDS = 10
const PAUSE_MS = 100
const ARRIVAL_MS_MAX = 60_000

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '100' },
    'idle-minutes': { type: 'string', default: '0' },
    embedded: { type: 'boolean', default: false },
  },
})
const records = Number(values.records)
const idleMinutes = Number(values['idle-minutes'])
if (!Number.isSafeInteger(records) || records < 1 || !(idleMinutes >= 0)) {
  console.error('--records is a whole number above 0, --idle-minutes a number')
  process.exit(2)
}

if (values.embedded) {
  const measured = await measureLocal(records)
  console.log(`${records} records, from a produce's answer, on a directory in this process\n`)
  console.log(
    formatTable(measured.map(({ what, latenciesMs }) => ({ what, ...percentiles(latenciesMs, 1) }))),
  )
  process.exit()
}

// An emulator takes any; the SDK wants some.
process.env.AWS_ACCESS_KEY_ID ??= 'test'
process.env.AWS_SECRET_ACCESS_KEY ??= 'test'
process.env.AWS_REGION ??= 'us-east-1'
const directory = await mkdtemp(join(tmpdir(), 'tidemark-latency-'))
const emulator = await openEmulator()
try {
  await measure(emulator.endpoint)
} finally {
  await emulator.stop()
  await rm(directory, { recursive: true })
}

async function measure(endpoint: string): Promise<void> {
  const app = 'npx node test/e2e/triggers-app.ts'
  const outputsFile = join(directory, 'outputs.json')
  await bootstrapAccount(endpoint)
  const outputs = await deployStack({ endpoint, stackName: STACK, app, outputsFile })
  const logs = new CloudWatchLogsClient({ endpoint })
  try {
    const url = outputs.ApiUrl!
    const broker = new HttpBroker({ url, sign: signedByAws({ url, region: outputs.Region! }) })
    const answeredMs = new Map<number, number>()
    const produceMs: number[] = []
    for (let number = 0; number < WARM_UP_RECORDS + records; number += 1) {
      const beganMs = Date.now()
      const batches = encodeBatch([{ value: Buffer.from(`${number}`) }], { nowMs: beganMs })
      const { baseOffset } = await broker.produce({ topic: TOPIC, partition: 0, batches })
      answeredMs.set(baseOffset, Date.now())
      produceMs.push(Date.now() - beganMs)
      await sleep(PAUSE_MS)
    }
    const startedMs = await untilHandled(logs, outputs.RecorderLogName!, answeredMs.size)
    // A handler can start before its producer has the answer: the stream is not asked to wait for it.
    const latencies = [...answeredMs]
      .slice(WARM_UP_RECORDS)
      .map(([offset, answered]) => startedMs.get(offset)! - answered)
    console.log(`${records} records, one every ${PAUSE_MS} ms, on ${endpoint}\n`)
    console.log(
      formatTable([
        { what: "a produce's answer", ...percentiles(produceMs.slice(WARM_UP_RECORDS)) },
        { what: 'from there to the handler', ...percentiles(latencies) },
      ]),
    )
    if (idleMinutes > 0) await countIdle(logs, outputs)
  } finally {
    logs.destroy()
    await deleteStack(endpoint, STACK)
  }
}

/** When the handler of each offset began, as soon as all have. */
async function untilHandled(
  logs: CloudWatchLogsClient,
  logGroupName: string,
  count: number,
): Promise<Map<number, number>> {
  const sinceMs = Date.now()
  for (;;) {
    const startedMs = new Map<number, number>()
    for (const line of await linesOf(logs, logGroupName, 'GOT')) {
      const got = JSON.parse(/GOT (\{.*\})/.exec(line)?.[1] ?? '{}')
      if (got.name !== `${TOPIC}-0`) continue
      for (const [offset] of got.records)
        startedMs.set(offset, Math.min(got.startedMs, startedMs.get(offset) ?? Infinity))
    }
    if (startedMs.size >= count) return startedMs
    if (Date.now() - sinceMs > ARRIVAL_MS_MAX)
      throw new Error(`only ${startedMs.size} of ${count} records arrived`)
    await sleep(500)
  }
}

/** Runs of the functions that deliver, by what woke them, while nobody produces. */
async function countIdle(logs: CloudWatchLogsClient, outputs: Record<string, string>): Promise<void> {
  // What was produced last is flushed meanwhile, which changes its head once more.
  await sleep(30_000)
  const sinceMs = Date.now()
  await sleep(idleMinutes * 60_000)
  const rows: Record<string, string>[] = []
  for (const name of ['Dispatch', 'Deliver', 'Recorder', 'Flush']) {
    const lines = await linesOf(logs, outputs[`${name}LogName`]!, '', sinceMs)
    const reports = lines.filter(line => line.startsWith('{"_aws"')).map(line => JSON.parse(line))
    const runs = name === 'Recorder' ? lines.filter(line => line.includes('GOT')).length : reports.length
    const bySchedule = reports.filter(({ trigger }) => trigger === 'schedule').length
    rows.push({ function: name, runs: `${runs}`, 'by schedule': `${bySchedule}` })
  }
  console.log(`\n${idleMinutes} idle minutes\n`)
  console.log(formatTable(rows))
}

async function linesOf(
  client: CloudWatchLogsClient,
  logGroupName: string,
  filterPattern: string,
  startTime = 0,
): Promise<string[]> {
  const lines: string[] = []
  const request = { logGroupName, startTime, ...(filterPattern && { filterPattern }) }
  for await (const { events = [] } of paginateFilterLogEvents({ client }, request)) {
    lines.push(...events.map(({ message = '' }) => message))
  }
  return lines
}

function percentiles(all: readonly number[], digits = 0): Record<string, string> {
  const sorted = all.toSorted((a, b) => a - b)
  const at = (share: number) =>
    formatNumber(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!, digits)
  return { 'p50 ms': at(0.5), 'p99 ms': at(0.99), 'largest ms': at(1) }
}

async function openEmulator(): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  const given = process.env.AWS_ENDPOINT_URL
  if (given) return { endpoint: given, stop: async () => {} }
  const port = await freePort()
  const { command, env } = await ministackCommand(port)
  const guarded = startGuarded(command, { env })
  const endpoint = `http://127.0.0.1:${port}`
  await untilAnswers(`${endpoint}${MINISTACK_HEALTH_PATH}`, guarded, 60_000)
  return { endpoint, stop: () => guarded.stop() }
}
