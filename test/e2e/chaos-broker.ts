import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, startGuarded, untilAnswers } from '../../localstack/guarded.ts'
import { MINISTACK_HEALTH_PATH, ministackCommand } from '../../localstack/ministack.ts'
import { bootstrapAccount, deployStack } from '../../localstack/stack.ts'
import { signedByAws } from '../../src/adapters/aws/signing/request-signer.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { startDev } from '../cli/tidemark-process.ts'
import { type QuickClock, quickClock } from './quick-clock.ts'

const EMULATOR_START_MS_MAX = 60_000

/** The broker that a group is tried on. */
export interface ChaosBroker {
  readonly name: string
  readonly broker: HttpBroker
  /** What a command line needs to reach it. */
  readonly address: readonly string[]
  /** What it goes by, and whoever uses it. */
  readonly clock: QuickClock
  /** @param isKept whether what it has stored is to be looked at */
  end(isKept: boolean): Promise<void>
}

/** `tidemark dev` on a directory of its own. */
export async function startDevBroker(clock = quickClock(1)): Promise<ChaosBroker> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-group-'))
  const dev = await startDev(directory, [], clock.environment)
  return {
    name: `tidemark dev on ${directory}`,
    broker: new HttpBroker({ url: dev.url }),
    address: ['--broker', dev.url],
    clock,
    async end(isKept) {
      await dev.end('SIGKILL')
      if (!isKept) await rm(directory, { recursive: true })
    },
  }
}

/** The stack, deployed to a MiniStack of its own on a free port. */
export async function deployBroker(): Promise<ChaosBroker> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-group-'))
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const { command, env } = await ministackCommand(port)
  const ministack = startGuarded(command, { env })
  try {
    await untilAnswers(`${endpoint}${MINISTACK_HEALTH_PATH}`, ministack, EMULATOR_START_MS_MAX)
    const outputsFile = join(directory, 'outputs.json')
    await bootstrapAccount(endpoint)
    const outputs = await deployStack({
      endpoint,
      outputsFile,
      context: { production: 'false', requestLog: 'true' },
    })
    return {
      ...brokerAt(outputs.ApiUrl!, outputs.Region!),
      name: `the stack on ${endpoint}`,
      async end() {
        await ministack.stop()
        await rm(directory, { recursive: true })
      },
    }
  } catch (error) {
    await ministack.stop()
    throw error
  }
}

/** One that runs already, and goes on. @param region null: it wants no signatures */
export function brokerAt(url: string, region: string | null): ChaosBroker {
  if (region !== null) {
    // What emulators take. Processes that are started inherit it.
    process.env.AWS_ACCESS_KEY_ID ??= 'test'
    process.env.AWS_SECRET_ACCESS_KEY ??= 'test'
  }
  return {
    name: url,
    broker: new HttpBroker(region === null ? { url } : { url, sign: signedByAws({ url, region }) }),
    address: ['--broker', url, ...(region === null ? [] : ['--sigv4', '--region', region])],
    clock: quickClock(1),
    async end() {},
  }
}
