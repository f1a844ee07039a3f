/**
 * `node test/e2e/outbox.ts --endpoint URL`: transactions of an application on an emulator that runs (`npm run emulator:start`), a third of
 * them cancelled by their own conditions, while the function that relays dies at random. What was committed must be in the logs,
 * once, and each writer's in its order.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { deleteStack, deployStack } from '../../localstack/stack.ts'
import { signedByAws } from '../../src/adapters/aws/signing/request-signer.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { DeployedFunctions } from './deployed-stack.ts'
import { type OutboxLoad, runOutboxLoad } from './outbox-load.ts'

const { values } = parseArgs({
  options: {
    endpoint: { type: 'string', default: process.env.AWS_ENDPOINT_URL ?? 'http://127.0.0.1:4566' },
    transactions: { type: 'string', default: '2000' },
    writers: { type: 'string', default: '8' },
    'kill-every-ms': { type: 'string', default: '3000' },
    keep: { type: 'boolean', default: false },
  },
})
process.env.AWS_REGION ??= 'us-east-1'
process.env.AWS_ACCESS_KEY_ID ??= 'test'
process.env.AWS_SECRET_ACCESS_KEY ??= 'test'
const { endpoint } = values
const stackName = 'TidemarkOutbox'
const directory = await mkdtemp(join(tmpdir(), 'tidemark-outbox-'))
let isBad = false
try {
  const outputs = await deployStack({
    endpoint,
    stackName,
    app: 'npx node test/e2e/outbox-app.ts',
    outputsFile: join(directory, 'outputs.json'),
  })
  const url = outputs.ApiUrl!
  const broker = new HttpBroker({ url, sign: signedByAws({ url, region: outputs.Region! }) })
  const relay = await new DeployedFunctions(endpoint, stackName).nameOf('relay')
  const load: OutboxLoad = { endpoint, outputs, broker, relay, transactions: 0, writers: 1 }
  // Whatever is started for the first time takes its time.
  await runOutboxLoad({ ...load, transactions: 9 })
  const show = async (what: string, more: Partial<OutboxLoad>) => {
    const { latenciesMs, problems, ...counts } = await runOutboxLoad({ ...load, ...more })
    const at = (share: number) => latenciesMs[Math.floor((latenciesMs.length - 1) * share)]
    console.log(what, { ...counts, p50Ms: at(0.5), p99Ms: at(0.99), longestMs: at(1) })
    for (const problem of problems) console.log(`  ${problem}`)
    if (problems.length > 0) isBad = true
  }
  await show('quiet', { transactions: 150, writers: 1, pauseMs: 200 })
  await show('killed', {
    transactions: Number(values.transactions),
    writers: Number(values.writers),
    killEveryMs: Number(values['kill-every-ms']),
  })
} finally {
  if (!values.keep) await deleteStack(endpoint, stackName).catch(error => console.error(`${error}`))
  await rm(directory, { recursive: true })
}
process.exitCode = isBad ? 1 : 0
