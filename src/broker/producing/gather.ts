import { COMMITS_IN_FLIGHT_MAX, INLINE_BYTES_MAX, PRODUCE_DEADLINE_MS } from '../../core/limits.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { currentEpoch } from '../ingest/current-epoch.ts'
import { readRetired } from '../settling/retired-producers.ts'
import type { AppendedEntry } from './append-once.ts'
import { appendOrSplit, type PartitionLog } from './append-or-split.ts'
import { type Accepted, type Call, type CheckedRun, Shipment } from './shipment.ts'
import { AppendTurns } from './turns.ts'
import { Uploads } from './uploads.ts'

export interface GatherSettings {
  /** How long a shipment waits for more before it leaves; 0: only for what arrives in the same turn. */
  readonly lingerMs: number
  /** How long a call may take, all tries together; PRODUCE_DEADLINE_MS unless set. */
  readonly produceDeadlineMs?: number
}

/**
 * Told of every append, of what it brought, and of its topic's flush.ms. The append is answered when what this
 * gives back has resolved; it must not reject.
 */
export type AppendListener = (
  partition: PartitionId,
  appended: AppendedEntry,
  calls: readonly Call[],
  flushMs: number,
) => Promise<void> | undefined

/**
 * Lets requests that arrive at the same time share a shipment: one object, or no object at all where the sum is
 * small, and one index update for each partition. While some are in flight the next one gathers.
 */
export class Gatherer {
  readonly #ports: Ports
  readonly #settings: GatherSettings
  readonly #onAppend: AppendListener
  readonly #appends: AppendTurns
  readonly #full: Shipment[] = []
  #gathering: Shipment | undefined
  #isStarting = false
  #inFlight = 0

  constructor(ports: Ports, settings: GatherSettings, onAppend: AppendListener) {
    this.#ports = ports
    this.#settings = settings
    this.#onAppend = onAppend
    this.#appends = new AppendTurns(ports)
  }

  /**
   * Resolves when bytes and entry are durable. Runs of one partition keep the order of these calls.
   * @param arrivedMs when the call came, by the monotonic clock: its time counts from then
   */
  submit(partition: PartitionId, run: CheckedRun, arrivedMs: number): Promise<Accepted> {
    const deadlineMs = this.deadlineMsOf(arrivedMs)
    return new Promise((resolve, reject) => {
      this.#shipmentFor(partition, run, deadlineMs).add(partition, run, { resolve, reject }, deadlineMs)
      if (!this.#isStarting) void this.#startSoon()
    })
  }

  /** What a call will need that is not for its object's partition to say, while its topic is looked for. */
  prepare(bytes: number, arrivedMs: number): void {
    // What is smaller may travel without an object. Whoever needs it asks again where this fails.
    if (bytes >= INLINE_BYTES_MAX) currentEpoch(this.#ports, this.deadlineMsOf(arrivedMs)).catch(() => {})
  }

  /** Until when a call is answered that came then. */
  deadlineMsOf(arrivedMs: number): number {
    return arrivedMs + (this.#settings.produceDeadlineMs ?? PRODUCE_DEADLINE_MS)
  }

  #shipmentFor(partition: PartitionId, run: CheckedRun, deadlineMs: number): Shipment {
    if (this.#gathering && !this.#gathering.hasRoomFor(partition, run)) {
      this.#full.push(this.#gathering)
      this.#gathering = undefined
    }
    this.#gathering ??= new Shipment(deadlineMs)
    return this.#gathering
  }

  async #startSoon(): Promise<void> {
    this.#isStarting = true
    const { lingerMs } = this.#settings
    await (lingerMs > 0 ? this.#ports.clock.sleep(lingerMs) : this.#ports.clock.turn())
    this.#isStarting = false
    this.#startNext()
  }

  #startNext(): void {
    while (this.#inFlight < COMMITS_IN_FLIGHT_MAX) {
      const shipment = this.#full.shift() ?? this.#takeGathering()
      if (!shipment) return
      this.#inFlight += 1
      // Its failures reach the callers one by one.
      void this.#send(shipment).finally(() => {
        this.#inFlight -= 1
        this.#startNext()
      })
    }
  }

  #takeGathering(): Shipment | undefined {
    const shipment = this.#gathering
    this.#gathering = undefined
    return shipment
  }

  async #send(shipment: Shipment): Promise<void> {
    const { clock, entropy } = this.#ports
    const { deadlineMs } = shipment
    const id = entropy.id()
    const uploads = new Uploads(this.#ports, deadlineMs)
    // Upload before commit: a crash leaves an unreferenced object, never a dangling offset.
    const uploaded = shipment.isInline ? INLINE : uploads.upload(id, shipment.toChunks())
    const createdMs = clock.nowMs()
    await Promise.all(
      shipment.placedRuns().map(({ run, position }) => {
        const { partition, calls, flushMs } = run
        return this.#appends.inTurn(partition, uploaded, deadlineMs, append => {
          const log: PartitionLog = {
            append: async (entry, calls) => {
              const appended = await uploads.noteOutcome(entry, append(entry))
              await this.#onAppend(partition, appended, calls, flushMs)
              return appended
            },
            findRetired: async (producerId, written) => {
              const found = await readRetired(this.#ports, partition, [producerId], deadlineMs, written)
              return found.get(producerId)
            },
            newId: () => entropy.id(),
            bringAnew: async calls => ({ ...(await uploads.bringAnew(calls)), createdMs }),
          }
          const placement = { object: id, epoch: uploads.epochOf(id), position, createdMs }
          return appendOrSplit(calls, placement, id, log)
        })
      }),
    )
    await uploads.removeRefused()
  }
}

/** Of a shipment that uploads nothing. */
const INLINE = Promise.resolve()
