import { type ParkedListener, Relay, type Relayed } from '../../broker/outbox/relay.ts'
import { TidemarkError } from '../../core/errors.ts'
import { OUTBOX_CALL_DEADLINE_MS, OUTBOX_LOOK_INTERVAL_MS } from '../../core/limits.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import { type Embedded, hostOf } from '../running-broker.ts'
import { type OutboxPutElement, readElement } from './read-element.ts'

export interface RunOutboxesOptions {
  /** Hears of what goes wrong; it is tried again. stderr unless given. */
  readonly reportError?: (error: unknown) => void
  /** Hears of items that can be in no log, and were put aside. */
  readonly onParked?: ParkedListener
}

export interface RunningOutboxes {
  /**
   * Commits what an outbox has made, in one transaction of the store's database: what DynamoDB does with `TransactWriteItems`.
   * @param business your own part of it: it is synchronous, and where it throws nothing is committed, and this rejects with
   *   what it threw. It may run while others wait, so it should be short
   * @throws TidemarkError; DUPLICATE_RESOURCE where it was committed before
   */
  commit(elements: readonly OutboxPutElement[], business?: () => void): Promise<void>
  /** Resolves when all that was committed before this call is in its log, or aside. */
  settled(): Promise<void>
  /** Begins nothing more. What waits then, whoever runs outboxes next moves. May be repeated. */
  stop(): Promise<void>
}

/**
 * Runs outboxes on the store of an embedded broker: for tests of programs that put items into DynamoDB's transactions when they are
 * deployed. They end with `stop`, or when the broker is closed.
 * @throws TidemarkError INVALID_REQUEST where the broker was not opened in this process, or is on AWS: functions relay there
 */
export function runOutboxes(embedded: Embedded, options: RunOutboxesOptions = {}): RunningOutboxes {
  const { reportError = error => console.error(error), onParked } = options
  const host = hostOf(embedded)
  const { outboxes } = host
  if (!outboxes) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      'This store keeps no outboxes: take openEmbedded or openInMemory.',
    )
  }
  const relay = new Relay(
    { ports: { ...host.ports, outboxes }, broker: host, directory: host.directory },
    onParked,
  )
  const running = new EmbeddedRelay(relay, host.ports.clock, reportError)
  host.beforeClose(() => running.stop())
  return {
    commit: async (elements, business) => {
      const placed = elements.map(readElement)
      let thrown: { readonly error: unknown } | undefined
      const beside = () => {
        try {
          business?.()
        } catch (error) {
          thrown = { error }
          throw error
        }
      }
      const isPut = await outboxes.put(placed, beside).catch(error => {
        throw thrown ? thrown.error : asTidemarkError(error, 'unknown')
      })
      if (!isPut) throw committedBefore()
      running.wake(placed.map(({ partition }) => partition))
    },
    settled: () => running.settled(),
    stop: () => running.stop(),
  }
}

type Clock = ReturnType<typeof hostOf>['ports']['clock']

/** Works on what it is woken for, and looks now and then for what other processes have put, or left. */
class EmbeddedRelay {
  readonly #relay: Relay
  readonly #clock: Clock
  readonly #reportError: (error: unknown) => void
  readonly #stopping = new AbortController()
  readonly #woken = new Map<string, PartitionId>()
  #wake = new AbortController()
  #round = 0
  #isIdle = false
  readonly #waiting: { readonly round: number; resolve(): void }[] = []
  readonly #running: Promise<void>

  constructor(relay: Relay, clock: Clock, reportError: (error: unknown) => void) {
    this.#relay = relay
    this.#clock = clock
    this.#reportError = reportError
    this.#running = this.#run()
  }

  wake(partitions: readonly PartitionId[]): void {
    for (const partition of partitions) {
      this.#woken.set(`${partition.topicId}#${partition.partition}`, partition)
    }
    this.#wake.abort(WOKEN)
  }

  async settled(): Promise<void> {
    if (this.#stopping.signal.aborted) return
    if (this.#isIdle && this.#woken.size === 0) return
    // What is under way may have looked before.
    const round = this.#round + 1
    const done = new Promise<void>(resolve => this.#waiting.push({ round, resolve }))
    this.#wake.abort(WOKEN)
    await Promise.race([done, this.#running])
  }

  async stop(): Promise<void> {
    this.#stopping.abort(WOKEN)
    this.#wake.abort(WOKEN)
    await this.#running
  }

  async #run(): Promise<void> {
    // What a process before has left.
    let looks = true
    let lookedMs = this.#clock.monotonicMs()
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController()
      this.#isIdle = false
      this.#round += 1
      const round = this.#round
      const isFinished = await this.#work(looks)
      if (looks) lookedMs = this.#clock.monotonicMs()
      if (isFinished && this.#woken.size === 0) this.#tell(round)
      const untilLookMs = lookedMs + OUTBOX_LOOK_INTERVAL_MS - this.#clock.monotonicMs()
      this.#isIdle = isFinished && this.#woken.size === 0
      if (this.#woken.size === 0) await this.#clock.sleep(Math.max(0, untilLookMs), this.#wake.signal)
      looks = this.#clock.monotonicMs() - lookedMs >= OUTBOX_LOOK_INTERVAL_MS || this.#waiting.length > 0
    }
  }

  async #work(looks: boolean): Promise<boolean> {
    const deadlineMs = this.#clock.monotonicMs() + OUTBOX_CALL_DEADLINE_MS
    const woken = [...this.#woken.values()]
    this.#woken.clear()
    try {
      const all = looks ? await this.#relay.partitions('all', deadlineMs) : []
      const found = new Map([...woken, ...all].map(each => [`${each.topicId}#${each.partition}`, each]))
      const { failed, isFinished }: Relayed = await this.#relay.relay([...found.values()], deadlineMs)
      for (const { error } of failed) this.#reportError(error)
      return isFinished
    } catch (error) {
      this.#reportError(error)
      return false
    }
  }

  #tell(round: number): void {
    const isTold = (each: { readonly round: number }) => each.round <= round
    for (const each of this.#waiting.filter(isTold)) each.resolve()
    const left = this.#waiting.filter(each => !isTold(each))
    this.#waiting.splice(0, this.#waiting.length, ...left)
  }
}

const WOKEN = 'there is something to do'

function committedBefore(): TidemarkError {
  return new TidemarkError(
    'DUPLICATE_RESOURCE',
    'These elements were committed before: make new ones for another event. Nothing of this was committed.',
  )
}
