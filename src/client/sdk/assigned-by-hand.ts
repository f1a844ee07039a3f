import type { Broker } from '../../contract/broker.ts'
import type { Offset } from '../../core/numbers.ts'
import type { PartitionListener, PartitionSource } from './partition-source.ts'

export interface PartitionPlace {
  topic: string
  partition: number
  offset: Offset
}

/** Partitions that a consumer assigned to itself; with those, if it likes, that their topics get later. */
export class AssignedByHand implements PartitionSource {
  readonly memberId = ''
  readonly memberEpoch = 0
  readonly isAlive = true
  readonly isSettled = true
  readonly #broker: Broker
  readonly #places: readonly PartitionPlace[]
  /** How often to look for new partitions; null: not to look. */
  readonly #lookMs: number | null
  readonly #listener: PartitionListener
  #timer: NodeJS.Timeout | undefined

  constructor(
    broker: Broker,
    places: readonly PartitionPlace[],
    lookMs: number | null,
    listener: PartitionListener,
  ) {
    this.#broker = broker
    this.#places = places
    this.#lookMs = lookMs
    this.#listener = listener
  }

  async join(): Promise<void> {
    this.#assign(this.#places)
    if (this.#lookMs === null) return
    const known = new Map<string, number>()
    for (const { topic, partition } of this.#places) {
      known.set(topic, Math.max(known.get(topic) ?? 0, partition + 1))
    }
    this.#timer = setInterval(() => {
      for (const topic of known.keys()) void this.#look(topic, known)
    }, this.#lookMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async leave(): Promise<void> {}

  release(): void {}

  giveUp(): void {}

  beatSoon(): void {}

  #assign(places: readonly PartitionPlace[]): void {
    this.#listener.assigned(places.map(({ offset, ...place }) => ({ ...place, committedOffset: offset })))
  }

  async #look(topic: string, known: Map<string, number>): Promise<void> {
    // A failure here is one of the fetches as well, or passes.
    const described = await this.#broker.describeTopic(topic).catch(() => null)
    const count = known.get(topic) ?? 0
    if (!described || this.#timer === undefined || described.partitions <= count) return
    known.set(topic, described.partitions)
    this.#assign(
      described.offsets
        .filter(({ partition }) => partition >= count)
        .map(({ partition, startOffset }) => ({ topic, partition, offset: startOffset })),
    )
  }
}
