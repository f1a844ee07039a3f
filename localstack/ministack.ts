import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { EMULATORS } from './running.ts'

const run = promisify(execFile)

const PROJECT = join(import.meta.dirname, '..')
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt')
const INSTALL_MS_MAX = 300_000

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
  const python = await installed()
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

/** The Python of a virtual environment that holds exactly what requirements.txt says. */
async function installed(): Promise<string> {
  const version = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex')
    .slice(0, 12)
  const folder = join(EMULATORS, `ministack-${version}`)
  const python = join('bin', 'python')
  if (existsSync(folder)) return join(folder, python)
  const unfinished = join(EMULATORS, `unfinished-${randomBytes(6).toString('hex')}`)
  try {
    await mkdir(EMULATORS, { recursive: true })
    await step('python3 -m venv', 'python3', ['-m', 'venv', unfinished])
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps']
    await step('pip install', join(unfinished, python), [...pip, '--requirement', REQUIREMENTS])
    // Under its name the folder is whole. Where another process was faster, its folder is as good.
    await rename(unfinished, folder).catch(error => {
      if (!existsSync(folder)) throw error
    })
    return join(folder, python)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

async function step(name: string, command: string, args: readonly string[]): Promise<void> {
  try {
    await run(command, args, { timeout: INSTALL_MS_MAX })
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string }
    throw new Error(`${name} failed: ${stderr.trim().slice(-600) || message}`, { cause: error })
  }
}
