import type { PartitionStream } from './partition-stream.ts'
import { STARTING_WAIT_MS } from './prefetch-settings.ts'

/** A request for several partitions, each from where it was then. */
export class RequestUnderWay {
  readonly streams: readonly PartitionStream[]
  /** How long it may wait at the broker. */
  readonly waitMs: number
  /** The ticket that it brings. */
  readonly listener: string | undefined
  readonly #jumps = new Map<PartitionStream, number>()
  readonly #interruption = new AbortController()
  #open: number

  constructor(streams: readonly PartitionStream[], waitMs: number, listener: string | undefined) {
    this.streams = streams
    this.waitMs = waitMs
    this.listener = listener
    this.#open = streams.length
    for (const stream of streams) {
      this.#jumps.set(stream, stream.jumps)
      stream.isFetching = true
      stream.moved = () => this.#moved(stream)
    }
  }

  /** Aborts when nobody waits for it any more. */
  get signal(): AbortSignal {
    return this.#interruption.signal
  }

  /** Where one of its partitions is known to have more, it is answered at once. */
  get mayWaitLong(): boolean {
    return this.waitMs > STARTING_WAIT_MS && !this.streams.some(({ hasMore }) => hasMore)
  }

  get isInterrupted(): boolean {
    return this.signal.aborted
  }

  /** Ends it: whoever still wants something asks anew. */
  interrupt(): void {
    this.#interruption.abort()
  }

  jumpsOf(stream: PartitionStream): number {
    return this.#jumps.get(stream)!
  }

  /** Whether nobody wants any more what it brings of a partition. */
  isStale(stream: PartitionStream): boolean {
    return stream.jumps !== this.jumpsOf(stream) || stream.ended.signal.aborted
  }

  /** It has been answered, or has failed. */
  end(): void {
    for (const stream of this.streams) stream.moved = undefined
  }

  #moved(stream: PartitionStream): void {
    stream.moved = undefined
    this.#open -= 1
    // One that goes on elsewhere is asked for there; of one that is not read any more, the answer is let go.
    if (!stream.ended.signal.aborted || this.#open === 0) this.interrupt()
  }
}
