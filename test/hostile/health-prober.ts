import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('health-probe-process.ts', import.meta.url))

export const PROBE_INTERVAL_MS = 20

/** What a prober tells. */
export interface ProbeFindings {
  readonly latenciesMs: readonly number[]
  /** Connections that were refused, cut or silent for a minute. */
  readonly unanswered: number
  /** Answers with another status than 200. */
  readonly refused: number
  /** The longest that the prober itself was kept from running: the machine's share of what it measured. */
  readonly ownStallMs: number
}

export interface Health {
  readonly asked: number
  readonly unanswered: number
  readonly refused: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly ownStallMs: number
}

/** How long a broker's /health takes meanwhile. */
export class HealthProber {
  readonly #child: ChildProcess

  constructor(url: string) {
    this.#child = fork(PROGRAM, [url], { stdio: 'inherit' })
  }

  async end(): Promise<Health> {
    this.#child.send('tell')
    const [findings] = (await once(this.#child, 'message')) as [ProbeFindings]
    const sorted = [...findings.latenciesMs].sort((one, other) => one - other)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    const { unanswered, refused, ownStallMs } = findings
    const asked = sorted.length + unanswered
    return { asked, unanswered, refused, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), ownStallMs }
  }
}
