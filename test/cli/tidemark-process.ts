import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const LAUNCHER = fileURLToPath(new URL('../../src/cli/tidemark.js', import.meta.url))

export interface Finished {
  exitCode: number | null
  stdout: Buffer
  stderr: string
}

/** The real command in a process of its own, whose Node is ours: killing it kills no mere launcher. */
export function spawnTidemark(
  commandLine: string[],
  environment: NodeJS.ProcessEnv = {},
): ChildProcessWithoutNullStreams {
  const { TIDEMARK_BROKER: _broker, TIDEMARK_TOKEN: _token, ...inherited } = process.env
  return spawn(process.execPath, [LAUNCHER, ...commandLine], { env: { ...inherited, ...environment } })
}

/** Runs a command to its end. */
export async function runTidemark(
  commandLine: string[],
  { input = '', environment = {} }: { input?: string | Uint8Array; environment?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  const child = spawnTidemark(commandLine, environment)
  // A command that fails early does not read its input.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return finished(child)
}

export async function finished(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return { exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
}

export interface DevProcess {
  url: string
  /** HOST:PORT of Kafka's protocol. */
  kafka(): string
  child: ChildProcessWithoutNullStreams
  /** What it wrote to stderr so far. */
  stderr: () => string
  /** Sends the signal, and answers the exit code (null: it was killed). */
  end(signal: NodeJS.Signals): Promise<number | null>
}

/** `tidemark dev` on a free port, when it listens. */
export async function startDev(
  directory: string,
  options: string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<DevProcess> {
  return await whenListening(
    spawnTidemark(
      ['dev', '--dir', directory, '--http', '127.0.0.1:0', '--no-kafka', ...options],
      environment,
    ),
  )
}

/** A process that runs a broker, once it says where that listens. */
export async function whenListening(child: ChildProcessWithoutNullStreams): Promise<DevProcess> {
  return await whenSaid(child, /listens on (http:\S+)\n/)
}

/** `tidemark gateway` on a free port, once it says where it serves: its `url` is HOST:PORT. */
export async function startGatewayProcess(
  options: string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<DevProcess> {
  const words = ['gateway', '--listen', '127.0.0.1:0', ...options]
  return await whenSaid(spawnTidemark(words, environment), /serves Kafka's clients on ([^\s,]+)/)
}

async function whenSaid(child: ChildProcessWithoutNullStreams, place: RegExp): Promise<DevProcess> {
  const exited = once(child, 'exit') as Promise<[number | null]>
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  let stdout = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', chunk => {
      stdout += chunk
      const listening = place.exec(stdout)
      if (listening?.[1]) resolve(listening[1])
    })
    exited.then(([code]) => reject(new Error(`it ended with ${code} before it listened: ${stderr}`)), reject)
  })
  return {
    url,
    kafka() {
      const [, told] = /Kafka.*?(127\.0\.0\.1:\d+)/i.exec(stdout) ?? []
      if (told === undefined)
        throw new Error(`it does not say where Kafka's clients find it: ${stdout}${stderr}`)
      return told
    },
    child,
    stderr: () => stderr,
    async end(signal) {
      child.kill(signal)
      const [exitCode] = await exited
      return exitCode
    },
  }
}
