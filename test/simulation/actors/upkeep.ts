import { untilDeadline } from '../../../src/broker/settling/budget.ts'
import { maintain, type Progress } from '../../../src/broker/settling/maintain.ts'
import { Moved } from '../../../src/broker/settling/read-runs.ts'
import { type SettlingSettings, settlingSettings } from '../../../src/broker/settling/settling-settings.ts'
import { leaks } from '../leaks.ts'
import type { Running, World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'

const PROCESSES = 3
/** How often each runs while the others are there, what it waits at most in between, and whether it rolls however little there is. */
const PACES = [
  { runs: 12, pauseMsMax: 1_500, isForced: false },
  { runs: 60, pauseMsMax: 150, isForced: true },
]
/** How long a run goes on at most, and how much it moves at most before it ends. */
const RUN_MS = 20_000
/** In how many of its calls one falls asleep: a run has many. */
const SLEEP_SHARE = 0.002
/** How often each runs in a night. */
const NIGHT_RUNS = 4
/** After so many the last crumb has gone: an epoch's objects wait for two more epochs, a round and a grace. */
const LAST_RUNS = 12
const MINUTE_MS = 60_000
/** Of a pass's table of keys: for a few of them, or for all. */
const MAP_BYTES = [120, 100_000]

/** So little that every run has something to settle. */
const SOON: Partial<SettlingSettings> = {
  // Longer than a request is late, and two clocks are apart.
  graceMs: 10_000,
  roundMs: 3_000,
  advanceMs: 1_000,
  resweepMs: 15_000,
  rollBytes: 300,
  rollEntries: 3,
  rollAgedMs: 500,
  rollAgedBytes: 1,
  rollYoungMs: 0,
  mergeSegmentsMin: 3,
  mergeSegmentsMax: 5,
}
/** The same where days pass: what counts in hours there counts in hours. */
const OVER_DAYS: Partial<SettlingSettings> = {
  ...SOON,
  graceMs: 60 * MINUTE_MS,
  roundMs: 3 * 60 * MINUTE_MS,
  advanceMs: 60 * MINUTE_MS,
  resweepMs: 24 * 60 * MINUTE_MS,
}

/** Processes that maintain the store, each with a clock of its own. At rest nothing is left that nothing needs. */
export const upkeep: ActorKind = {
  name: 'upkeep',
  wantsFlushes: true,
  make: world => new Upkeep(world),
}

class Upkeep implements Actor {
  readonly #world: World
  readonly #running: (Running | undefined)[] = []
  readonly #settings: SettlingSettings
  #isForced = false

  constructor(world: World) {
    this.#world = world
    const mapBytes = world.random.pick(MAP_BYTES)
    this.#settings = settlingSettings({ ...(world.hasNights ? OVER_DAYS : SOON), mapBytes })
  }

  async prepare(): Promise<void> {
    await this.#world.lastingTopic()
  }

  async live(): Promise<void> {
    const { runs, pauseMsMax, isForced } = this.#world.random.pick(PACES)
    this.#isForced = isForced
    await this.#runAll(runs, pauseMsMax)
  }

  async keepUp(durationMs: number): Promise<void> {
    await this.#runAll(NIGHT_RUNS, durationMs / NIGHT_RUNS)
  }

  async #runAll(runs: number, pauseMsMax: number): Promise<void> {
    await Promise.all(Array.from({ length: PROCESSES }, (_, number) => this.#run(number, runs, pauseMsMax)))
  }

  async #run(number: number, runs: number, pauseMsMax: number): Promise<void> {
    const { random, clock } = this.#world
    for (let run = 0; run < runs; run += 1) {
      await clock.sleep(random.integer(0, pauseMsMax))
      const running = this.#processOf(number)
      const done = this.#maintain(running, number)
      this.#world.spawn(done)
      // One that sleeps goes on beside the next, as another process would.
      await Promise.race([done, clock.sleep(RUN_MS)])
    }
  }

  #processOf(number: number): Running {
    const standing = this.#running[number]
    if (standing?.process.isAlive && !standing.process.isAsleep) return standing
    const started = this.#world.start(`upkeep ${number}`, SLEEP_SHARE)
    this.#running[number] = started
    return started
  }

  async #maintain({ process, ports }: Running, number: number): Promise<void> {
    const { history } = this.#world
    const who = `upkeep ${number}`
    history.note(who, 'begins a run')
    const budget = untilDeadline(ports.clock.monotonicMs() + RUN_MS)
    try {
      const report = (progress: Progress) => {
        // That others are faster is none.
        if ('error' in progress && !(progress.error instanceof Moved)) this.#world.noteDefect(progress.error)
      }
      const done = maintain(ports, this.#settings, { upkeep: true, isForced: this.#isForced }, budget, report)
      const outcome = await Promise.race([done, process.died.then(() => undefined)])
      history.note(who, outcome ? `ends a run: ${JSON.stringify(outcome)}` : 'died')
    } catch (error) {
      this.#world.noteDefect(error)
      history.note(who, `a run failed: ${(error as Error).message}`)
    }
  }

  /** Without faults: whatever is left goes, after its time. */
  async settle(): Promise<void> {
    const { clock } = this.#world
    const ports = this.#world.defectivePorts()
    const { graceMs, roundMs, advanceMs, resweepMs } = this.#settings
    const pauseMs = Math.max(graceMs, roundMs, advanceMs, resweepMs) + MINUTE_MS
    for (let run = 0; run < LAST_RUNS; run += 1) {
      await clock.sleep(pauseMs)
      const budget = untilDeadline(clock.monotonicMs() + MINUTE_MS)
      const { isDone, failed } = await maintain(
        ports,
        this.#settings,
        { upkeep: true, isForced: true },
        budget,
      )
      const [failure] = failed
      if (failure) throw new Error(`stuck: ${failure.topic}/${failure.partition}: ${failure.reason}`)
      if (!isDone) throw new Error('stuck: there is work left behind a run without faults')
    }
  }

  /** Nothing is left that nothing needs, unless clocks say that a grace is over at once. */
  async check(): Promise<void> {
    if (this.#world.areClocksSet) return
    const left = [...this.#world.promises.settling.strays(), ...(await leaks(this.#world.plainPorts()))]
    if (left.length > 0) throw new Error(`left: ${left.join('; ')}`)
  }
}
