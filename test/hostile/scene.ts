import { type BrokerOptions, startBroker, type Target } from './broker-process.ts'
import type { Figure, Report } from './figures.ts'
import { HealthProber } from './health-prober.ts'

/** How large the attacks are: all of it, or what takes seconds and is part of the tests. */
export type Scale = 'full' | 'short'

export interface SceneSettings {
  /** The checkout whose broker is attacked. */
  readonly tree: string
  readonly scale: Scale
  readonly seed: number
  /** How long those attacks last that go on until they are ended. */
  readonly seconds: number
  readonly report: Report
  /** Told what happens; nobody where it is left out. */
  readonly tell?: (line: string) => void
  /** One that runs already, in place of those that attacks would start. */
  readonly running?: Target
}

/** An attack: it starts brokers, plays the attacker, and reports what it saw from outside. */
export interface Attack {
  readonly name: string
  /** In one line, for the list. */
  readonly about: string
  /** It needs a broker that is started in a way of its own, or several. */
  readonly startsItsOwn?: boolean
  run(scene: Scene): Promise<void>
}

export interface Bounds {
  /** Of the broker's memory, at its peak. */
  readonly peakMb: number
  /** Behind the figures' names, where an attack has several turns. */
  readonly turn?: string
  /** /health may be refused or go unanswered: the attack's own bounds say how often. */
  readonly isHealthFree?: boolean
}

/** What the reach is, whatever the attack, beyond what a server takes meanwhile that nobody attacks. */
const HEALTH_P99_MS_MAX = 100
const HEALTH_MS_MAX = 300
const P99_ASKED_MIN = 100
/** Where tests go by memory, there is ample room: how soon a runtime tidies up depends on the machine. */
const SHORT_MEMORY_RATIO = 1.5

/** What an attack works with. */
export class Scene {
  readonly settings: SceneSettings
  readonly #brokers: Target[] = []

  constructor(settings: SceneSettings) {
    this.settings = settings
  }

  get isShort(): boolean {
    return this.settings.scale === 'short'
  }

  /** One number for the whole attack, another for the test. */
  sized(full: number, short: number): number {
    return this.isShort ? short : full
  }

  report(figure: Figure): void {
    this.settings.report(figure)
  }

  tell(line: string): void {
    this.settings.tell?.(line)
  }

  /** A new broker, or the one that runs already. */
  async start(options: BrokerOptions = {}): Promise<Target> {
    if (this.settings.running) return this.settings.running
    const broker = await startBroker(this.settings.tree, options)
    this.#brokers.push(broker)
    return broker
  }

  /** With a broker of its own, so that what an attack leaves behind is not taken for the next one's. */
  async on<T>(attack: (broker: Target) => Promise<T>): Promise<T> {
    const broker = await this.start()
    try {
      return await attack(broker)
    } finally {
      await broker.end('SIGKILL')
    }
  }

  /** Carries out an attack, and reports what it does to the broker's memory, life and health. */
  async watch<T>(broker: Target, bounds: Bounds, attack: () => Promise<T>): Promise<T> {
    const { turn, isHealthFree = false } = bounds
    const peakMb = bounds.peakMb * (this.isShort ? SHORT_MEMORY_RATIO : 1)
    const named = (what: string) => (turn === undefined ? what : `${what}, ${turn}`)
    broker.figures.forgetPeak()
    const prober = await HealthProber.open(broker.url)
    let highestMb = broker.figures.peakMb
    // A process that has ended has no figures any more.
    const looking = setInterval(() => {
      highestMb = Math.max(highestMb, broker.figures.peakMb)
    }, 100)
    try {
      return await attack()
    } finally {
      clearInterval(looking)
      const { broker: health, calm } = await prober.end()
      highestMb = Math.max(highestMb, broker.figures.peakMb)
      this.report({ what: named('peak memory'), value: highestMb, unit: 'MB', atMost: peakMb })
      const lost = { what: named('/health unanswered or refused'), unit: '' }
      const bound = isHealthFree ? {} : { atMost: 0 }
      this.report({ ...lost, value: health.unanswered + health.refused, ...bound })
      const timed = { unit: 'ms', isTimed: true }
      this.report({ ...timed, what: named('/health p50'), value: health.p50Ms })
      const p99 = { ...timed, what: named('/health p99'), value: health.p99Ms }
      // Of fewer, it is the longest one.
      if (health.asked < P99_ASKED_MIN) this.report(p99)
      else this.report({ ...p99, atMost: HEALTH_P99_MS_MAX + calm.p99Ms })
      const max = { value: health.maxMs, atMost: HEALTH_MS_MAX + calm.maxMs }
      this.report({ ...timed, what: named('/health max'), ...max })
      const crashed = broker.ended === undefined ? 0 : 1
      this.report({ what: named('crashed'), value: crashed, unit: '', atMost: 0 })
      if (crashed)
        this.tell(`the broker ended (${JSON.stringify(broker.ended)}): ${broker.stderr().slice(-600)}`)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#brokers.splice(0).map(broker => broker.end('SIGKILL')))
  }
}
