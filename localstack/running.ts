import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const EMULATORS = join(import.meta.dirname, '..', '.emulators')
/** What `cdk deploy` told about the stack, for the command line's --outputs. */
export const OUTPUTS_FILE = join(EMULATORS, 'outputs.json')
const RUNNING_FILE = join(EMULATORS, 'running.json')

/** The emulator that `start` has left running in the background. */
export type Running =
  | { readonly kind: 'localstack'; readonly port: number }
  | { readonly kind: 'ministack'; readonly port: number; readonly pid: number; readonly scratch: string }

/** Which port emulators take: LocalStack's own, unless TIDEMARK_EMULATOR_PORT says another. */
export const EMULATOR_PORT = Number(process.env.TIDEMARK_EMULATOR_PORT ?? 4566)

export function noteRunning(running: Running): void {
  mkdirSync(dirname(RUNNING_FILE), { recursive: true })
  writeFileSync(RUNNING_FILE, JSON.stringify(running))
}

/** undefined where none is noted. */
export function readRunning(): Running | undefined {
  try {
    return JSON.parse(readFileSync(RUNNING_FILE, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export function forgetRunning(): void {
  rmSync(RUNNING_FILE, { force: true })
}

/** Where to reach the emulator: AWS_ENDPOINT_URL, or the one that runs here. */
export function emulatorEndpoint(): string {
  return process.env.AWS_ENDPOINT_URL ?? `http://127.0.0.1:${readRunning()?.port ?? EMULATOR_PORT}`
}
