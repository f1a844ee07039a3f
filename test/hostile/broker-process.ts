import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ProcessFigures } from './process-figures.ts'

/** This checkout, of which the broker is unless another one is named. */
export const OWN_TREE = fileURLToPath(new URL('../..', import.meta.url))

/** A process that takes more is ended, before the machine is without memory. */
const RESIDENT_MB_MAX = 8_000
const WATCH_INTERVAL_MS = 50
const END_MS_MAX = 40_000

export interface BrokerOptions {
  /** Of `tidemark dev`, beside its directory and its address. */
  readonly options?: readonly string[]
  /** Descriptors that it may have open; as many as this process where it is left out. */
  readonly descriptorsMax?: number
  /** A directory that outlasts it; else one of its own, which goes with it. */
  readonly directory?: string
  /** Any free one where it is left out. */
  readonly port?: number
  readonly environment?: NodeJS.ProcessEnv
  /** Told what it says on stderr; it is kept where this is left out. */
  readonly told?: (chunk: string) => void
}

/** A broker that is attacked, seen from outside. */
export interface Target {
  readonly url: string
  readonly port: number
  /** Where it serves Kafka's clients, if it does. */
  readonly kafkaPort?: number | undefined
  readonly figures: ProcessFigures
  /** How its process ended, as far as it has. */
  readonly ended: { readonly code: number | null; readonly signal: string | null } | undefined
  stderr(): string
  /** Sends the signal; tells how long the end took. */
  end(signal?: NodeJS.Signals): Promise<number>
}

/** One that runs already, and goes on when the attack is over. */
export function runningTarget(url: string, pid: number): Target {
  const figures = new ProcessFigures(pid)
  return {
    url,
    port: Number(new URL(url).port),
    figures,
    get ended() {
      return figures.isAlive ? undefined : { code: null, signal: null }
    },
    stderr: () => '',
    end: async () => 0,
  }
}

/** Those that run: none of them outlasts this process, however that ends. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** The command of a checkout, in a process of its own: `node src/cli/tidemark.js …`. */
export function spawnTidemark(
  tree: string,
  commandLine: readonly string[],
  { descriptorsMax, environment = {} }: Pick<BrokerOptions, 'descriptorsMax' | 'environment'> = {},
): ChildProcess {
  const { TIDEMARK_BROKER: _broker, TIDEMARK_TOKEN: _token, ...inherited } = process.env
  const command = [process.execPath, join(resolve(tree), 'src/cli/tidemark.js'), ...commandLine]
  // In the shell's place, so that the process is the broker's.
  const limited =
    descriptorsMax === undefined
      ? command
      : ['bash', '-c', `ulimit -n ${descriptorsMax} && exec "$@"`, 'bash', ...command]
  const child = spawn(limited[0]!, limited.slice(1), { env: { ...inherited, ...environment } })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** `tidemark dev` of a checkout, in a temporary folder, once it listens. */
export async function startBroker(tree: string, given: BrokerOptions = {}): Promise<Target> {
  const directory = given.directory ?? (await mkdtemp(join(tmpdir(), 'tidemark-hostile-')))
  const { port = 0, options = [] } = given
  // Several run at the same time, on older checkouts, too, that know no gateway.
  const kafka = existsSync(join(resolve(tree), 'src/gateway/gateway.ts')) ? ['--no-kafka'] : []
  const commandLine = ['dev', '--dir', directory, '--http', `127.0.0.1:${port}`, ...kafka, ...options]
  const child = spawnTidemark(tree, commandLine, given)
  const figures = new ProcessFigures(child.pid!)
  let ended: Target['ended']
  let stderr = ''
  const exited = once(child, 'exit').then(([code, signal]) => {
    ended = { code, signal }
    clearInterval(watching)
  })
  child.stderr!.setEncoding('utf8').on('data', chunk => {
    if (given.told) given.told(chunk)
    else stderr += chunk
  })
  const watching = setInterval(() => {
    if (figures.residentMb < RESIDENT_MB_MAX) return
    stderr += `\nended by the attack's watch: above ${RESIDENT_MB_MAX} MB\n`
    child.kill('SIGKILL')
  }, WATCH_INTERVAL_MS)
  let stdout = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', chunk => {
      stdout += chunk
      const [, listening] = /listens on (http:\S+)\n/.exec(stdout) ?? []
      if (listening !== undefined) resolve(listening)
    })
    exited.then(() => reject(new Error(`the broker ended before it listened: ${stderr}`)), reject)
  })
  return {
    url,
    port: Number(new URL(url).port),
    get kafkaPort() {
      const [, port] = /serves Kafka's clients on \S+:(\d+)\n/.exec(stdout) ?? []
      return port === undefined ? undefined : Number(port)
    },
    figures,
    get ended() {
      return ended
    },
    stderr: () => stderr,
    async end(signal = 'SIGTERM') {
      const startedMs = performance.now()
      if (ended === undefined) child.kill(signal)
      const insisting = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX)
      await exited
      clearTimeout(insisting)
      const tookMs = performance.now() - startedMs
      // A process that was killed has a moment in which it still writes.
      await sleep(10)
      if (given.directory === undefined) await rm(directory, { recursive: true, force: true, maxRetries: 3 })
      return tookMs
    },
  }
}
