import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { pythonWith } from './python.ts'
import { EMULATORS } from './running.ts'

const PROJECT = join(import.meta.dirname, '..')
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt')

/** Where MiniStack tells how it is. */
export const MINISTACK_HEALTH_PATH = '/_ministack/health'

/** How to start MiniStack. */
interface MinistackCommand {
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** What lies in files while it runs lies here. A guard removes it. */
  readonly scratch: string
}

/**
 * Installs MiniStack into a private folder of the checkout, once, and tells how to start it on a port of
 * 127.0.0.1.
 * @throws Error that says what is missing
 */
export async function ministackCommand(port: number): Promise<MinistackCommand> {
  const python = await pythonWith('ministack', REQUIREMENTS)
  // Below the checkout, so that functions find its node_modules.
  const scratch = join(EMULATORS, `scratch-${randomBytes(6).toString('hex')}`)
  await mkdir(scratch, { recursive: true })
  // Functions in files named .js are CommonJS, whatever the project is.
  await writeFile(join(scratch, 'package.json'), '{"type":"commonjs"}')
  return {
    command: [python, '-m', 'ministack'],
    scratch,
    env: {
      ...process.env,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: `${port}`,
      // Functions run on the Node of the project, whatever the system's is.
      PATH: [join(PROJECT, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
      TMPDIR: scratch,
      GUARD_SCRATCH: scratch,
      LAMBDA_EXECUTOR: 'local',
      LOG_LEVEL: process.env.TIDEMARK_EMULATOR_LOG_LEVEL ?? 'WARNING',
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'us-east-1',
    },
  }
}
