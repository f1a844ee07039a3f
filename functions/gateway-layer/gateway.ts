import { writeFileSync } from 'node:fs'
import { openAws } from '../../src/embedded/aws.ts'
import { startGateway } from '../../src/embedded/gateway.ts'
import { readEnvironment, requireVariable } from '../runtime/environment.ts'

/**
 * Kafka's protocol at localhost, for the function beside which it runs, with that function's rights. It sleeps when the
 * function does, and keeps nothing that another one needs: what is acknowledged is in the store.
 */
const { table, bucket } = readEnvironment(process.env)
const isReady = requireVariable(process.env, 'TIDEMARK_GATEWAY_READY', 'the file that says that it listens')
const store = openAws({ table, bucket, flushes: 'elsewhere' })
const gateway = await startGateway(store, {
  port: Number(process.env.TIDEMARK_GATEWAY_PORT ?? 9092),
  log: line => console.error(line),
})
process.once('SIGTERM', async () => {
  await gateway.close()
  await store.close()
})
writeFileSync(isReady, String(gateway.port))
