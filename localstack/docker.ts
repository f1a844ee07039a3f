import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The last release that runs without a token. */
export const LOCALSTACK_IMAGE = 'localstack/localstack:4.14.0'

/** Whether LocalStack can run: there is a Docker daemon, not just its command, and nobody chose MiniStack. */
export async function hasDocker(): Promise<boolean> {
  if (process.env.TIDEMARK_EMULATOR === 'ministack') return false
  try {
    await run('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 10_000 })
    return true
  } catch {
    return false
  }
}
