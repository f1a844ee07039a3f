import type { Fetch, Fetched, FetchedMany, FetchMany, Located, LocatedMany } from '../../contract/broker.ts'
import type { Offset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectLocator } from '../../ports/object-locator.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { Fetching } from './fetch.ts'
import { FooterCache } from './footers.ts'
import { type Appended, HotTail } from './hot-tail.ts'
import type { TailWatch } from './tail-watch.ts'

export interface ReadingSettings {
  /** What of the newest records stays in memory. */
  readonly hotTailBytes: number
  readonly pollIntervalMsMax?: number | undefined
}

/** What a process reads records with, and what it keeps of them in memory. */
export class Reading {
  readonly footers: FooterCache
  readonly #hot: HotTail
  readonly #fetching: Fetching

  constructor(
    ports: Ports,
    directory: TopicDirectory,
    watch: TailWatch,
    { hotTailBytes, pollIntervalMsMax }: ReadingSettings,
    locator: ObjectLocator | undefined,
  ) {
    this.footers = new FooterCache(ports.objects)
    this.#hot = new HotTail(hotTailBytes)
    const kept = { hot: this.#hot, footers: this.footers }
    this.#fetching = new Fetching(ports, directory, watch, kept, locator, pollIntervalMsMax)
  }

  fetch(request: Fetch): Promise<Fetched> {
    return this.#fetching.fetch(request)
  }

  locate(request: Fetch): Promise<Located> {
    return this.#fetching.locate(request)
  }

  fetchMany(request: FetchMany): Promise<FetchedMany> {
    return this.#fetching.fetchMany(request)
  }

  locateMany(request: FetchMany): Promise<LocatedMany> {
    return this.#fetching.locateMany(request)
  }

  /** Calls `wake` once the log's end is another one than it is when this resolves. @returns ends it */
  listen(partition: PartitionId, wake: (endOffset: Offset) => void): Promise<() => void> {
    return this.#fetching.listening.listen(partition, wake)
  }

  /** Runs that this process has appended, one after the other from `baseOffset` on: before anybody is told of them. */
  noteAppend(partition: PartitionId, baseOffset: Offset, calls: readonly { readonly run: Appended }[]): void {
    this.#hot.add(
      partition,
      baseOffset,
      calls.map(({ run }) => run),
    )
  }

  /** Lets nobody wait any more: every fetch is answered with what there is. */
  close(): void {
    this.#fetching.close()
  }
}
