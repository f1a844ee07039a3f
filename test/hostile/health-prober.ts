import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const CALM_SERVER = fileURLToPath(new URL('calm-server-process.ts', import.meta.url))
const PROGRAM = fileURLToPath(new URL('health-probe-process.ts', import.meta.url))

export const PROBE_INTERVAL_MS = 20

/** What a prober tells. */
export interface ProbeFindings {
  readonly latenciesMs: readonly number[]
  /** Connections that were refused, cut or silent for a minute. */
  readonly unanswered: number
  /** Answers with another status than 200. */
  readonly refused: number
}

export interface Health {
  readonly asked: number
  readonly unanswered: number
  readonly refused: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** How long a broker's /health takes meanwhile, and how long a server takes that nobody attacks. */
export class HealthProber {
  readonly #probe: ChildProcess
  readonly #calmServer: ChildProcess
  readonly #calmProbe: ChildProcess

  private constructor(probe: ChildProcess, calmServer: ChildProcess, calmProbe: ChildProcess) {
    this.#probe = probe
    this.#calmServer = calmServer
    this.#calmProbe = calmProbe
  }

  /** One that has begun: both servers have been asked. */
  static async open(url: string): Promise<HealthProber> {
    const calmServer = fork(CALM_SERVER, [], { stdio: 'inherit' })
    const [calmUrl] = (await once(calmServer, 'message')) as [string]
    const [probe, calmProbe] = await Promise.all([openProbe(url), openProbe(calmUrl)])
    return new HealthProber(probe, calmServer, calmProbe)
  }

  async end(): Promise<{ broker: Health; calm: Health }> {
    const [broker, calm] = await Promise.all([findingsOf(this.#probe), findingsOf(this.#calmProbe)])
    this.#calmServer.disconnect()
    return { broker, calm }
  }
}

async function openProbe(url: string): Promise<ChildProcess> {
  const child = fork(PROGRAM, [url], { stdio: 'inherit' })
  await once(child, 'message')
  return child
}

async function findingsOf(child: ChildProcess): Promise<Health> {
  child.send('tell')
  const [{ latenciesMs, unanswered, refused }] = (await once(child, 'message')) as [ProbeFindings]
  const sorted = [...latenciesMs].sort((one, other) => one - other)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  const asked = sorted.length + unanswered
  return { asked, unanswered, refused, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}
