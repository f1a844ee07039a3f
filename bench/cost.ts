/**
 * What a deployed broker costs: requests and units as DynamoDB Local counts them, objects as the port counts them,
 * and AWS's list prices. Lambda's durations and the length of log lines are assumptions, which it prints.
 *
 * With --settled, what was produced is rolled before it is fetched, and what that costs is in the rows of producing.
 *
 *   npm run bench:cost -- [--commits 1000] [--settled] [--json .bench/cost.json]
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { startDynamoDbLocal } from '../test/aws/dynamodb-local.ts'
import { createTestTable } from '../test/aws/tables.ts'
import { ASSUMED, type CountedCost, countDeployedCost } from './deployed-cost.ts'
import { countWaiting, type WaitingCost } from './deployed-waiting.ts'
import { INTERNET_GB_DOLLARS, PRICES_DATE, S3_GB_MONTH_DOLLARS } from './prices.ts'
import { VALUE_BYTES } from './store.ts'
import { formatNumber, formatTable } from './table.ts'

const { values } = parseArgs({
  options: {
    commits: { type: 'string', default: '1000' },
    settled: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})
const commits = Number(values.commits)
if (!Number.isSafeInteger(commits) || commits < 1) {
  console.error(`--commits is a whole number above 0, not "${values.commits}"`)
  process.exit(2)
}
// DynamoDB Local takes any; the SDK wants some.
process.env.AWS_ACCESS_KEY_ID ??= 'local'
process.env.AWS_SECRET_ACCESS_KEY ??= 'local'
process.env.AWS_REGION ??= 'us-east-1'

/** What one consumer waits for. */
const WAITED_PARTITIONS = 12

const workloads = [
  { recordsPerBatch: 1, commitsPerSecond: 1 },
  { recordsPerBatch: 1, commitsPerSecond: 50 },
  { recordsPerBatch: 50, commitsPerSecond: 50 },
  { recordsPerBatch: 1_000, commitsPerSecond: 50 },
]
let waiting: WaitingCost
const dynamodb = await startDynamoDbLocal()
const costs: CountedCost[] = []
try {
  for (const workload of workloads) {
    // To standard error, so that the tables can be kept alone.
    const { recordsPerBatch, commitsPerSecond } = workload
    console.error(
      `counting ${formatNumber(commits)} commits, ${recordsPerBatch} a batch, ${commitsPerSecond} a second`,
    )
    const { table, remove } = await createTestTable(dynamodb.endpoint)
    const settings = { endpoint: dynamodb.endpoint, table, commits, isSettled: values.settled, ...workload }
    costs.push(...(await countDeployedCost(settings)))
    await remove()
  }
  const { table, remove } = await createTestTable(dynamodb.endpoint)
  waiting = await countWaiting(dynamodb.endpoint, table, WAITED_PARTITIONS)
  await remove()
} finally {
  await dynamodb.stop()
}

console.log(
  `${formatNumber(commits)} commits to one partition, records of ${VALUE_BYTES} bytes. For each call:\n`,
)
console.log(formatTable(costs.map(countRow)))
console.log(`\nDollars per million records, at AWS list prices (us-east-1, ${PRICES_DATE}):\n`)
console.log(formatTable(costs.map(dollarRow)))
const { connection, looks, heartbeats, lookReadUnits, heartbeatUnits } = waiting
const perMonth = (dollars: number) => `$${formatNumber(dollars, 3)}`
console.log(
  `\nA month of waiting for ${WAITED_PARTITIONS} partitions at which nothing arrives, woken by WebSocket: ${perMonth(connection)} of ` +
    `connection, ${perMonth(looks)} of slow looks (${lookReadUnits} read units each); as the one member of a group ` +
    `${perMonth(heartbeats)} of heartbeats (${heartbeatUnits.read} read units and ${heartbeatUnits.write} write units each) beside.`,
)
for (const [when, { dollars, minute }] of Object.entries({
  'all at once': waiting.together,
  'one after the other': waiting.spread,
})) {
  const { dispatches, messages, fetches, dispatched, fetched } = minute
  console.log(
    `\nWith a record a minute in each of the ${WAITED_PARTITIONS}, ${when}: ${perMonth(dollars)} a month beside the connection; a minute is ` +
      `${dispatches} dispatches (${dispatched.read} read units, ${dispatched.write} write units), ${messages} messages, ` +
      `${fetches} fetches (${fetched.read} read units, ${fetched.write} write units).`,
  )
}
console.log(
  `\nAssumed, not counted: ${Object.entries(ASSUMED)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}.`,
)
console.log(
  `Beside it: $${S3_GB_MONTH_DOLLARS} a GB and month in S3, $${INTERNET_GB_DOLLARS} a GB to the internet.`,
)
if (values.json !== undefined) {
  await mkdir(dirname(values.json), { recursive: true })
  await writeFile(values.json, `${JSON.stringify({ assumed: ASSUMED, costs, waiting }, null, 2)}\n`)
}

function countRow(cost: CountedCost): Record<string, string> {
  const perCall = (count: number) => formatNumber(count / cost.calls, 2)
  return {
    '': cost.name,
    calls: formatNumber(cost.calls),
    'table requests': perCall(cost.tableRequests),
    'of them writes': perCall(cost.tableWrites),
    'write units': perCall(cost.writeUnits),
    'read units': perCall(cost.readUnits),
    'S3 PUTs': perCall(cost.objectPuts),
    'S3 GETs': perCall(cost.objectGets),
  }
}

function dollarRow(cost: CountedCost): Record<string, string> {
  const perMillion = (dollars: number) => formatNumber((dollars / cost.records) * 1e6, 4)
  const { dynamodb, s3, api, lambda, logs, total } = cost.dollars
  return {
    '': cost.name,
    DynamoDB: perMillion(dynamodb),
    S3: perMillion(s3),
    'HTTP API': perMillion(api),
    Lambda: perMillion(lambda),
    logs: perMillion(logs),
    total: perMillion(total),
    'a GB': formatNumber((total / (cost.records * VALUE_BYTES)) * 1e9, 4),
  }
}
