import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { openAws } from '../../src/embedded/aws.ts'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'
import { createTestBucket, createTestTable } from '../aws/tables.ts'

const ROOT = join(import.meta.dirname, '../..')
const THROUGH = pathToFileURL(join(ROOT, 'test/cli/through-kafka.ts')).href

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

describeAws('the layer that puts a gateway beside a function', () => {
  test('starts it first, and then what it is to be beside of', { timeout: 180_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tidemark-layer-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    execFileSync(process.execPath, [join(ROOT, 'functions/build.ts'), directory])
    const [table, bucket] = [await createTestTable(awsEndpoint()), await createTestBucket(awsEndpoint())]
    onTestFinished(async () => {
      await table.remove()
      await bucket.remove()
    })
    const names = { table: table.table, bucket: bucket.bucket }
    const store = openAws({ endpoint: awsEndpoint(), ...names })
    await store.broker.createTopic({ topic: 'tides' })
    await store.close()
    const port = await freePort()
    const program = `
      import { throughKafka } from ${JSON.stringify(THROUGH)}
      console.log('READ ' + (await throughKafka('localhost:${port}', 'tides', ['ebb', 'flow'])))
      process.exit()`
    // A process group of its own: Lambda ends all that it has started together.
    const runtime = spawn(
      join(directory, 'gateway-layer/tidemark/start'),
      [process.execPath, '--input-type=module', '-e', program],
      {
        detached: true,
        env: {
          ...process.env,
          AWS_LAMBDA_EXEC_WRAPPER: '/opt/tidemark/start',
          AWS_ENDPOINT_URL: awsEndpoint(),
          TIDEMARK_TABLE: names.table,
          TIDEMARK_BUCKET: names.bucket,
          TIDEMARK_GATEWAY_PORT: String(port),
        },
      },
    )
    let told = ''
    for (const stream of [runtime.stdout, runtime.stderr]) stream.on('data', piece => (told += piece))
    const [code] = await once(runtime, 'exit')
    process.kill(-runtime.pid!, 'SIGKILL')
    expect([code, told]).toEqual([0, expect.stringContaining('READ ebb,flow')])
  })
})
