/**
 * Starts the emulators that the suites of the `aws` project run against, once for the whole run:
 * an AWS endpoint (`AWS_ENDPOINT_URL` where it is set, else LocalStack in Docker, else MiniStack) and
 * DynamoDB Local. TIDEMARK_EMULATOR=ministack passes Docker by. What cannot start is left out, and the suites
 * that need it are skipped, with one loud line; in CI, or with TIDEMARK_REQUIRE_AWS=1, the run fails instead.
 */
import type { TestProject } from 'vitest/node'
import { hasDocker } from '../../localstack/docker.ts'
import { freePort, startGuarded, untilAnswers } from '../../localstack/guarded.ts'
import { MINISTACK_HEALTH_PATH, ministackCommand } from '../../localstack/ministack.ts'
import { bootstrapAccount } from '../../localstack/stack.ts'
import { startDynamoDbLocal } from './dynamodb-local.ts'
import { startLocalstack } from './localstack-container.ts'

interface Emulator {
  readonly endpoint: string
  stop(): Promise<void>
}

declare module 'vitest' {
  interface ProvidedContext {
    /** undefined where there is none. */
    awsEndpoint: string | undefined
    dynamoDbLocalEndpoint: string | undefined
  }
}

const START_MS_MAX = 60_000

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const missing: string[] = []
  const orMissing = async (starting: Promise<Emulator>) => {
    try {
      return await starting
    } catch (error) {
      missing.push((error as Error).message)
    }
  }
  const started = await Promise.all([orMissing(startAws()), orMissing(startDynamoDbLocal())])
  const stop = async () => {
    await Promise.all(started.map(emulator => emulator?.stop()))
  }
  if (missing.length > 0) {
    const line = missing.join('; ').replaceAll(/\s+/g, ' ')
    if (process.env.CI || process.env.TIDEMARK_REQUIRE_AWS === '1') {
      await stop()
      throw new Error(`AWS suites cannot run: ${line}`)
    }
    console.error(`\n!!!!! AWS SUITES ARE SKIPPED, NOT PASSED: ${line}\n`)
  }
  const [aws, dynamoDbLocal] = started
  project.provide('awsEndpoint', aws?.endpoint)
  project.provide('dynamoDbLocalEndpoint', dynamoDbLocal?.endpoint)
  return stop
}

async function startAws(): Promise<Emulator> {
  const emulator = await startEmulator()
  try {
    // Once, and before any suite: two that bootstrap at the same time are in each other's way.
    await bootstrapAccount(emulator.endpoint)
  } catch (error) {
    await emulator.stop()
    throw error
  }
  return emulator
}

async function startEmulator(): Promise<Emulator> {
  const given = process.env.AWS_ENDPOINT_URL
  if (given) return { endpoint: given, stop: async () => {} }
  if (await hasDocker()) return await startLocalstack()
  return await startMinistack()
}

async function startMinistack(): Promise<Emulator> {
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  let ministack: Awaited<ReturnType<typeof ministackCommand>>
  try {
    ministack = await ministackCommand(port)
  } catch (error) {
    throw new Error(`there is neither AWS_ENDPOINT_URL nor Docker, and ${(error as Error).message}`)
  }
  const { command, env } = ministack
  const guarded = startGuarded(command, { env })
  try {
    await untilAnswers(`${endpoint}${MINISTACK_HEALTH_PATH}`, guarded, START_MS_MAX)
  } catch (error) {
    await guarded.stop()
    throw new Error(`MiniStack does not start: ${(error as Error).message}`, { cause: error })
  }
  return { endpoint, stop: () => guarded.stop() }
}
