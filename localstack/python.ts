import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EMULATORS } from './running.ts'

const run = promisify(execFile)

const INSTALL_MS_MAX = 300_000

/**
 * The Python of a virtual environment that holds exactly what a requirements.txt says. It is made once, in a private
 * folder of the checkout.
 * @param name of the environment
 * @throws Error that says what is missing
 */
export async function pythonWith(name: string, requirements: string): Promise<string> {
  const version = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12)
  const folder = join(EMULATORS, `${name}-${version}`)
  const python = join('bin', 'python')
  if (existsSync(folder)) return join(folder, python)
  const unfinished = join(EMULATORS, `unfinished-${randomBytes(6).toString('hex')}`)
  try {
    await mkdir(EMULATORS, { recursive: true })
    await step('python3 -m venv', 'python3', ['-m', 'venv', unfinished])
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps']
    await step('pip install', join(unfinished, python), [...pip, '--requirement', requirements])
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
