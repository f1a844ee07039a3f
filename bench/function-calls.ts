import { execFileSync } from 'node:child_process'
import { openAwsStore } from '../src/adapters/aws/aws-store.ts'
import { LogBroker } from '../src/broker/log-broker.ts'
import { encodeBatch } from '../src/core/record/index.ts'
import { systemClock, systemEntropy } from '../src/embedded/system.ts'
import { startDynamoDbLocal } from '../test/aws/dynamodb-local.ts'
import { createTestTable } from '../test/aws/tables.ts'

/** So many that no partition gets to where a producer flushes, which would be timed as well. */
const PARTITIONS = 16
const CALLS = 100
/** The last calls, of which the median stands for a warm one. */
const WARM_CALLS = 21

/** What the first call of an environment costs, and a later one. */
export interface CallTimes {
  readonly name: string
  readonly firstMs: number
  /** Of the processor, from before the import to behind the first answer: what the store takes is not in it. */
  readonly firstCpuMs: number
  readonly warmMs: number
}

/**
 * Times calls of a bundled produce function in fresh processes, on DynamoDB Local: medians. The records are small, so
 * that all of them stay in the table.
 */
export async function timeProduceCalls(file: string, runs: number): Promise<CallTimes[]> {
  const dynamodb = await startDynamoDbLocal()
  try {
    const { table } = await createTestTable(dynamodb.endpoint)
    const environment = {
      PATH: process.env.PATH,
      TIDEMARK_TABLE: table,
      TIDEMARK_BUCKET: 'bucket',
      AWS_ENDPOINT_URL: dynamodb.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    }
    const store = openAwsStore({ table, bucket: 'bucket', endpoint: dynamodb.endpoint })
    const ports = { ...store, clock: systemClock, entropy: systemEntropy }
    const broker = new LogBroker(ports, { lingerMs: 0, reportError: console.error, flushes: 'elsewhere' })
    const times: CallTimes[] = []
    for (const [name, makeEvent] of Object.entries({ 'record batch': batchEvent, JSON: jsonEvent })) {
      const measured: Omit<CallTimes, 'name'>[] = []
      for (let run = 0; run < runs; run += 1) {
        const topic = `${name.replace(' ', '-')}-${run}`
        await broker.createTopic({ topic, partitions: PARTITIONS })
        const events = Array.from({ length: CALLS }, (_, call) => makeEvent(topic, call % PARTITIONS))
        measured.push(callInFreshProcess(file, events, environment))
      }
      times.push({
        name,
        firstMs: median(measured.map(each => each.firstMs)),
        firstCpuMs: median(measured.map(each => each.firstCpuMs)),
        warmMs: median(measured.map(each => each.warmMs)),
      })
    }
    store.close()
    return times
  } finally {
    await dynamodb.stop()
  }
}

/** @throws Error when a call is not answered with success */
function callInFreshProcess(
  file: string,
  events: readonly object[],
  environment: NodeJS.ProcessEnv,
): Omit<CallTimes, 'name'> {
  // No file of ours: what it imported would be loaded already when the bundle wants it.
  const code = `
    // Asked for these, as an import does, Node's http loads a whole client. AWS is called by https, which has none of them.
    const http = process.getBuiltinModule('http')
    for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) Object.defineProperty(http, name, { value: undefined })
    const events = JSON.parse(process.argv[1])
    const context = { awsRequestId: 'request', getRemainingTimeInMillis: () => 10_000 }
    const cpu = process.cpuUsage()
    const { handler } = await import(${JSON.stringify(file)})
    const times = []
    let firstCpuMs
    for (const event of events) {
      const calledMs = performance.now()
      const { statusCode, body } = await handler(event, context)
      times.push(performance.now() - calledMs)
      if (statusCode !== 200) throw new Error(body)
      if (firstCpuMs === undefined) {
        const { user, system } = process.cpuUsage(cpu)
        firstCpuMs = (user + system) / 1_000
      }
    }
    const warm = times.slice(-${WARM_CALLS}).sort((a, b) => a - b)
    console.log('TIMES ' + JSON.stringify({
      firstMs: times[0], firstCpuMs, warmMs: warm[Math.floor(warm.length / 2)],
    }))
    process.exit()`
  const args = ['--input-type=module', '-e', code, JSON.stringify(events)]
  const output = execFileSync(process.execPath, args, { env: environment, encoding: 'utf8' })
  return JSON.parse(/^TIMES (.*)$/m.exec(output)![1]!)
}

function batchEvent(topic: string, partition: number): object {
  const batch = encodeBatch([{ value: Buffer.from('the tide comes in') }], { nowMs: Date.now() })
  return {
    method: 'POST',
    path: `/topics/${topic}/records`,
    query: { partition: `${partition}` },
    headers: { 'content-type': 'application/vnd.tidemark.record-batches' },
    body: Buffer.from(batch).toString('base64'),
    isBase64Encoded: true,
  }
}

function jsonEvent(topic: string, partition: number): object {
  return {
    method: 'POST',
    path: `/topics/${topic}/records`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ records: [{ value: 'the tide comes in', partition }] }),
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}
