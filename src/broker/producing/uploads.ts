import type { IndexEntry } from '../../core/log/entry.ts'
import { gatherSmallChunks } from '../../core/segment/chunks.ts'
import { ingestKey } from '../../core/storage-layout.ts'
import type { Ports } from '../../ports/index.ts'
import { currentEpoch, refreshEpoch } from '../ingest/current-epoch.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type AppendedEntry, EpochRefused } from './append-once.ts'
import type { Placement } from './append-or-split.ts'
import type { Call } from './shipment.ts'

/** The objects of one shipment: its own, and those that a part of it had to be brought anew in. */
export class Uploads {
  readonly #ports: Ports
  readonly #deadlineMs: number
  /** Under which epoch each was uploaded. */
  readonly #epochs = new Map<string, number>()
  /** Those that some log has refused because of their epoch. */
  readonly #refused = new Set<string>()
  /** Those that some log has taken, or may have. */
  readonly #kept = new Set<string>()

  constructor(ports: Ports, deadlineMs: number) {
    this.#ports = ports
    this.#deadlineMs = deadlineMs
  }

  /** @throws TidemarkError REQUEST_TIMED_OUT at the deadline, where nothing is written */
  async upload(id: string, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#put(id, await currentEpoch(this.#ports, this.#deadlineMs), chunks)
  }

  /** Uploads calls of one partition as an object of the newest epoch, and tells where they lie in it. */
  async bringAnew(calls: readonly Call[]): Promise<Pick<Placement, 'object' | 'epoch' | 'position'>> {
    const object = this.#ports.entropy.id()
    const epoch = await refreshEpoch(this.#ports, this.#deadlineMs)
    await this.#put(object, epoch, gatherSmallChunks(calls.map(({ run }) => run.chunk)))
    return { object, epoch, position: 0 }
  }

  /** 0 while it is not known. */
  epochOf(id: string): number {
    return this.#epochs.get(id) ?? 0
  }

  /** Takes note of what becomes of an append, and passes it on. */
  noteOutcome({ place }: IndexEntry, appending: Promise<AppendedEntry>): Promise<AppendedEntry> {
    return place.kind === 'object' ? this.#noteOutcomeOf(place.object, appending) : appending
  }

  async #noteOutcomeOf(object: string, appending: Promise<AppendedEntry>): Promise<AppendedEntry> {
    try {
      const appended = await appending
      this.#kept.add(object)
      return appended
    } catch (error) {
      if (error instanceof EpochRefused) this.#refused.add(object)
      else this.#kept.add(object)
      throw error
    }
  }

  /** Removes what was refused everywhere, once all is settled. What stays is removed with its epoch. */
  async removeRefused(): Promise<void> {
    for (const object of this.#refused) {
      if (this.#kept.has(object)) continue
      const key = ingestKey({ epoch: this.epochOf(object), object })
      await this.#ports.objects.remove(key).catch(() => {})
    }
  }

  async #put(object: string, epoch: number, chunks: readonly Uint8Array[]): Promise<void> {
    const { objects, refusal: refusalOf } = this.#ports
    this.#epochs.set(object, epoch)
    await retryUntil(this.#ports, this.#deadlineMs, 'no', async () => {
      // Before an object is stored that no entry would point at.
      const refusal = refusalOf?.()
      if (refusal) throw refusal
      await objects.put(ingestKey({ epoch, object }), chunks, true)
    })
  }
}
