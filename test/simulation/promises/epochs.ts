import { splitKey } from '../../../src/adapters/items/items.ts'
import type { Ingest } from '../../../src/core/ingest/ingest.ts'
import { entryEpoch, placeEntries } from '../../../src/core/log/entry.ts'
import { decodeHead, type Head, isClosedHead } from '../../../src/core/log/head.ts'
import { HEAD_KEY, INGEST_ITEM, LOG_PREFIX, parseLogKey } from '../../../src/core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { SettlingPromises } from './settling.ts'

const INGEST_BEGIN = `${INGEST_ITEM.partitionKey}/${INGEST_ITEM.sortKey}`

/**
 * What the epochs of ingest objects promise: once it is published that all logs have drained the epochs below one, no log
 * needs an object of these, nor takes one any more.
 */
export class EpochPromises {
  readonly #settling: SettlingPromises
  readonly #isLive: (topicId: string) => boolean
  readonly #violated: (problem: string) => void
  readonly #drainedBelow: (epoch: number) => void
  readonly #floors = new Map<string, { readonly partition: PartitionId; readonly floor: number }>()
  #drained = 0
  /** How often something was published. */
  rounds = 0

  constructor(options: {
    readonly settling: SettlingPromises
    readonly isLive: (topicId: string) => boolean
    /** Hears what is published. */
    readonly drainedBelow: (epoch: number) => void
    readonly violated: (problem: string) => void
  }) {
    this.#drainedBelow = options.drainedBelow
    this.#settling = options.settling
    this.#isLive = options.isLive
    this.#violated = options.violated
  }

  /** Hears of every change of an item, after what it is of. */
  readonly changed = (key: string, before: Uint8Array | undefined, after: Uint8Array | undefined): void => {
    if (!after) return
    if (key === INGEST_BEGIN) this.#published(JSON.parse(Buffer.from(after).toString()) as Ingest)
    const { partitionKey: first, sortKey } = splitKey(key)
    if (!key.startsWith(LOG_PREFIX) || sortKey !== HEAD_KEY) return
    const partition = parseLogKey(first)
    if (isClosedHead(after)) this.#floors.delete(partitionKey(partition))
    else
      this.#headChanged(
        partition,
        before && !isClosedHead(before) ? decodeHead(before) : undefined,
        decodeHead(after),
      )
  }

  #published({ drained }: Ingest): void {
    if (drained <= this.#drained) return
    this.#drained = drained
    this.rounds += 1
    this.#drainedBelow(drained)
    for (const [log, { partition, floor }] of this.#floors) {
      if (floor >= drained || !this.#isLive(partition.topicId)) continue
      this.#violated(
        `undrained: ${log} takes entries of epoch ${floor}, and all below ${drained} are drained`,
      )
    }
    for (const [log, entry] of this.#settling.entries()) {
      if (entryEpoch(entry) >= drained) continue
      this.#violated(
        `undrained: ${log} has an entry of epoch ${entryEpoch(entry)}, and all below ${drained} are drained`,
      )
    }
  }

  #headChanged(partition: PartitionId, before: Head | undefined, head: Head): void {
    const log = partitionKey(partition)
    this.#floors.set(log, { partition, floor: head.appendFloor })
    const isAppended = before !== undefined && head.nextOffset > before.nextOffset
    if (isAppended && head.appendFloor < this.#drained) {
      this.#violated(`undrained: ${log} takes entries of epoch ${head.appendFloor}, below ${this.#drained}`)
    }
    const placed = isAppended ? placeEntries(head.tailOffset, head.tail) : []
    for (const { baseOffset, entry } of placed) {
      if (baseOffset < before!.nextOffset) continue
      if (entryEpoch(entry) >= this.#drained) continue
      this.#violated(
        `undrained: ${log} has taken an entry of epoch ${entryEpoch(entry)}, below ${this.#drained}`,
      )
    }
  }
}
