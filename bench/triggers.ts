/**
 * What it costs to have a function called with a topic's records: requests and units as DynamoDB Local counts them,
 * messages and objects as the ports count them, and AWS's list prices. Durations are assumptions, which it prints.
 *
 *   npm run bench:triggers -- [--wake-ups 60]
 */
import { parseArgs } from 'node:util'
import { startDynamoDbLocal } from '../test/aws/dynamodb-local.ts'
import { createTestTable } from '../test/aws/tables.ts'
import { ASSUMED, type CountedTriggerCost, countTriggerCost } from './deployed-triggers.ts'
import { PRICES_DATE } from './prices.ts'
import { formatNumber, formatTable } from './table.ts'

const { values } = parseArgs({ options: { 'wake-ups': { type: 'string', default: '60' } } })
const wakeUps = Number(values['wake-ups'])
if (!Number.isSafeInteger(wakeUps) || wakeUps < 1) {
  console.error(`--wake-ups is a whole number above 0, not "${values['wake-ups']}"`)
  process.exit(2)
}
// DynamoDB Local takes any; the SDK wants some.
process.env.AWS_ACCESS_KEY_ID ??= 'local'
process.env.AWS_SECRET_ACCESS_KEY ??= 'local'
process.env.AWS_REGION ??= 'us-east-1'

const workloads = [
  { recordsPerBatch: 1, commitsPerSecond: 1, wakeUpsPerSecond: 1, batchSize: 100 },
  { recordsPerBatch: 1, commitsPerSecond: 50, wakeUpsPerSecond: 4, batchSize: 100 },
  { recordsPerBatch: 50, commitsPerSecond: 50, wakeUpsPerSecond: 4, batchSize: 100 },
  { recordsPerBatch: 50, commitsPerSecond: 50, wakeUpsPerSecond: 4, batchSize: 10_000 },
]
const dynamodb = await startDynamoDbLocal()
const costs: CountedTriggerCost[] = []
try {
  for (const workload of workloads) {
    const { table, remove } = await createTestTable(dynamodb.endpoint)
    costs.push(await countTriggerCost({ endpoint: dynamodb.endpoint, table, wakeUps, ...workload }))
    await remove()
  }
} finally {
  await dynamodb.stop()
}

console.log(`${formatNumber(wakeUps)} wake-ups of one partition. For each:\n`)
console.log(formatTable(costs.map(countRow)))
console.log(`\nDollars per million records, at AWS list prices (us-east-1, ${PRICES_DATE}):\n`)
console.log(formatTable(costs.map(dollarRow)))
const assumed = Object.entries(ASSUMED).map(([name, value]) => `${name} ${value}`)
console.log(`\nAssumed, not counted: ${assumed.join(', ')}.`)

function countRow(cost: CountedTriggerCost): Record<string, string> {
  const perWakeUp = (count: number) => formatNumber(count / cost.wakeUps, 2)
  return {
    '': cost.name,
    records: perWakeUp(cost.records),
    calls: perWakeUp(cost.calls),
    'queue requests': perWakeUp(cost.queueRequests),
    'table requests': perWakeUp(cost.tableRequests),
    'write units': perWakeUp(cost.writeUnits),
    'read units': perWakeUp(cost.readUnits),
    'S3 GETs': perWakeUp(cost.objectGets),
  }
}

function dollarRow(cost: CountedTriggerCost): Record<string, string> {
  const perMillion = (dollars: number) => formatNumber((dollars / cost.records) * 1e6, 4)
  const { dynamodb, s3, sqs, dispatch, deliver, logs, total, handler } = cost.dollars
  return {
    '': cost.name,
    DynamoDB: perMillion(dynamodb),
    S3: perMillion(s3),
    SQS: perMillion(sqs),
    dispatch: perMillion(dispatch),
    deliver: perMillion(deliver),
    logs: perMillion(logs),
    total: perMillion(total),
    'your function': perMillion(handler),
  }
}
