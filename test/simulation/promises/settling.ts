import { splitKey } from '../../../src/adapters/items/items.ts'
import type { Block } from '../../../src/core/log/block.ts'
import { type IndexEntry, placeEntries } from '../../../src/core/log/entry.ts'
import type { Head } from '../../../src/core/log/head.ts'
import type { Segment } from '../../../src/core/log/settled/segment.ts'
import { encodeSettled, type Settled } from '../../../src/core/log/settled/settled.ts'
import { decodeBatches, type LogRecord } from '../../../src/core/record/index.ts'
import { HEAD_KEY, ingestKey, LOG_PREFIX, parseLogKey } from '../../../src/core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import { type AppendedRecords, isSameRecord } from '../appended-records.ts'
import type { WatchedObjects } from '../watched-objects.ts'
import { LogView } from './log-view.ts'

/** What a head says of offsets and the like, which never becomes less. */
const GROWING = {
  startOffset: ({ startOffset }: Head) => startOffset,
  tailOffset: ({ tailOffset }: Head) => tailOffset,
  nextOffset: ({ nextOffset }: Head) => nextOffset,
  firstOffset: ({ settled }: Head) => settled.firstOffset,
  mergedOffset: ({ settled }: Head) => settled.mergedOffset,
  settledOffset: ({ settled }: Head) => settled.settledOffset,
  generation: ({ settled }: Head) => settled.generation,
  cleaning: ({ settled }: Head) => settled.cleaning,
  cleanOffset: ({ settled }: Head) => settled.cleanOffset,
  rules: ({ settled }: Head) => settled.rules,
  loggedBytes: ({ settled }: Head) => settled.loggedBytes,
  appendFloor: ({ appendFloor }: Head) => appendFloor,
  drained: ({ drained }: Head) => drained,
} as const

/** What must lie in this order. */
const ORDERED = [
  ['firstOffset', 'mergedOffset'],
  ['mergedOffset', 'settledOffset'],
  ['settledOffset', 'tailOffset'],
  ['tailOffset', 'nextOffset'],
  ['firstOffset', 'startOffset'],
  ['startOffset', 'nextOffset'],
  ['drained', 'appendFloor'],
  ['generation', 'cleaning'],
] as const

/** Where a record may be missing from what has settled. */
export type MayLack = (log: PartitionId, offset: number, head: Head) => boolean

/** Runs that one change of a head has appended, in their order, each with its batches; undefined: its object is not there. */
export type RunsAppended = (
  log: PartitionId,
  runs: readonly { readonly entry: IndexEntry; readonly run: Uint8Array | undefined }[],
) => void

/** The start of a log has moved. */
export type StartMoved = (log: PartitionId, before: Head, head: Head) => void

/**
 * What settling promises, held at every change of an item and at every removal of an object: boundaries only grow; what
 * counts between them has neither gap nor overlap, and its sums are right; its objects are there, and have at each offset
 * the record that was appended there.
 */
export class SettlingPromises {
  readonly #clock: Clock
  readonly #objects: WatchedObjects
  readonly #violated: (problem: string) => void
  readonly #mayLack: MayLack
  readonly #views = new Map<string, LogView>()
  readonly #appended: AppendedRecords
  readonly #startMoved: StartMoved
  readonly #runsAppended: RunsAppended
  /** Segments whose object was held against what was appended, and from which offset on. */
  readonly #held = new Map<string, Segment>()
  readonly #lacking = new Set<string>()
  settles = 0
  merges = 0
  drops = 0
  passes = 0

  constructor(options: {
    readonly clock: Clock
    readonly objects: WatchedObjects
    readonly appended: AppendedRecords
    readonly mayLack: MayLack
    readonly startMoved: StartMoved
    readonly runsAppended: RunsAppended
    readonly violated: (problem: string) => void
  }) {
    const { objects, violated } = options
    this.#clock = options.clock
    this.#objects = objects
    this.#appended = options.appended
    this.#mayLack = options.mayLack
    this.#startMoved = options.startMoved
    this.#runsAppended = options.runsAppended
    this.#violated = violated
    objects.onRemoval(key => {
      for (const [log, view] of this.#views) {
        for (const named of view.objects()) {
          if (named === key) violated(`dangling: ${key} was removed, and counts in ${log}`)
        }
      }
    })
  }

  /** Hears of every change of an item. */
  readonly changed = (key: string, _: Uint8Array | undefined, after: Uint8Array | undefined): void => {
    if (!key.startsWith(LOG_PREFIX)) return
    const { partitionKey: first, sortKey } = splitKey(key)
    const partition = parseLogKey(first)
    const log = partitionKey(partition)
    const view = this.#views.get(log) ?? new LogView(partition)
    this.#views.set(log, view)
    const before = view.head
    if (!view.change(sortKey, after)) return
    const { head } = view
    if (!head) return
    if (sortKey !== HEAD_KEY) {
      if (sortKey.startsWith('block#')) this.#checkBlocks(log, view, undefined)
      else this.#checkSegments(log, view)
      return
    }
    this.#checkHead(log, before, head)
    this.#noteAppended(partition, before?.nextOffset ?? 0, head)
    if (before && head.startOffset > before.startOffset) this.#startMoved(partition, before, head)
    if (before?.tailOffset !== head.tailOffset) this.#checkBlocks(log, view, before)
    if (!before || !isSameValue(before.settled, head.settled)) {
      this.#checkBlocks(log, view, head)
      this.#checkSegments(log, view)
    }
    this.#count(before, head)
  }

  /** Items of logs that count nowhere. */
  strays(): string[] {
    return [...this.#views].flatMap(([log, view]) => [...view.strays()].map(stray => `${log}: ${stray}`))
  }

  /** What counts of each log, and has not settled. */
  *entries(): Generator<[log: string, entry: IndexEntry]> {
    for (const [log, view] of this.#views) {
      for (const entry of view.head?.tail ?? []) yield [log, entry]
      for (const { entries } of view.countedBlocks().items) for (const entry of entries) yield [log, entry]
    }
  }

  /** Whether a record has gone that was allowed to, when its segment came to count. */
  lacks(log: string, offset: number): boolean {
    return this.#lacking.has(`${log}/${offset}`)
  }

  /** Somebody has read a record. */
  read(log: string, record: LogRecord): void {
    const appended = this.#appended.recordAt(log, record.offset)
    if (appended && isSameRecord(appended, record)) return
    this.#violated(`moved: another record was read at ${log}/${record.offset} than was appended there`)
  }

  #checkHead(log: string, before: Head | undefined, head: Head): void {
    for (const [name, of] of Object.entries(GROWING)) {
      if (before && of(head) < of(before)) {
        this.#violated(`back: ${name} of ${log} went from ${of(before)} to ${of(head)}`)
      }
    }
    for (const [lower, upper] of ORDERED) {
      if (GROWING[lower](head) > GROWING[upper](head)) {
        this.#violated(
          `order: ${log} has ${lower} ${GROWING[lower](head)} above ${upper} ${GROWING[upper](head)}`,
        )
      }
    }
  }

  #noteAppended(partition: PartitionId, from: number, head: Head): void {
    if (head.nextOffset <= from) return
    const log = partitionKey(partition)
    const runs: { entry: IndexEntry; run: Uint8Array | undefined }[] = []
    for (const { baseOffset, entry } of placeEntries(head.tailOffset, head.tail)) {
      if (baseOffset < from) continue
      const run = this.#runOf(entry)
      runs.push({ entry, run })
      if (run) this.#appended.note(log, baseOffset, run, this.#clock.nowMs())
      else this.#violated(`dangling: the entry at ${log}/${baseOffset} is appended without its object`)
    }
    this.#runsAppended(partition, runs)
  }

  #checkBlocks(log: string, view: LogView, before: Head | undefined): void {
    const { items, problem } = view.countedBlocks()
    if (problem !== undefined) this.#violated(`gap: ${log}: ${problem}`)
    for (const block of items) {
      // Those below were held when they left the tail.
      if (before && block.baseOffset < before.tailOffset) continue
      this.#checkBlock(log, block)
    }
  }

  #checkBlock(log: string, { baseOffset, entries }: Block): void {
    for (const placed of placeEntries(baseOffset, entries)) {
      const run = this.#runOf(placed.entry)
      const place = `${log}/${placed.baseOffset}`
      if (!run) this.#violated(`dangling: the object of the entry at ${place} is not there`)
      const appended = this.#appended.runAt(log, placed.baseOffset)
      if (run && appended && Buffer.compare(run, appended) !== 0) {
        this.#violated(`moved: a block has other records at ${place} than were appended there`)
      }
    }
  }

  #checkSegments(log: string, view: LogView): void {
    const head = view.head!
    const { items, problem } = view.countedSegments()
    if (problem !== undefined) {
      this.#violated(`gap: ${log}: ${problem}`)
      return
    }
    const sum = items.reduce((total, { id }) => total + Number.parseInt(id.slice(0, 8), 16), 0)
    const bytes = items.reduce((total, segment) => total + segment.bytes, 0)
    if (sum !== head.settled.segmentSum) {
      this.#violated(`sum: ${log} has a set hash of ${head.settled.segmentSum}, and segments of ${sum}`)
    }
    if (bytes !== head.settled.bytes) {
      this.#violated(`sum: ${log} has ${head.settled.bytes} bytes settled, and segments of ${bytes}`)
    }
    for (const segment of items) {
      if (!this.#objects.has(view.keyOf(segment))) {
        this.#violated(`dangling: ${view.keyOf(segment)} counts, and is not there`)
      } else if (this.#held.get(segment.id)?.end !== segment.end) {
        this.#held.set(segment.id, segment)
        this.#checkRecords(log, view, segment)
      }
    }
  }

  /** What an object has is what was appended there, and nothing is missing of it but what may. */
  #checkRecords(log: string, view: LogView, segment: Segment): void {
    const { baseOffset, end } = segment
    const object = this.#objects.bytesOf(view.keyOf(segment))!
    const records = decodeBatches(object.subarray(0, segment.bytes))
    let next: number = baseOffset
    for (const record of records) {
      const place = `${log}/${record.offset}`
      if (record.offset < next || record.offset >= end) {
        this.#violated(`moved: ${place} is in a segment from ${next} to ${end}`)
      }
      this.#checkLack(view, next, record.offset)
      const appended = this.#appended.recordAt(log, record.offset)
      if (!appended || !isSameRecord(appended, record)) {
        this.#violated(`moved: a segment has another record at ${place} than was appended there`)
      }
      if (this.#lacking.has(place)) this.#violated(`back: ${place} had gone, and is in a later segment`)
      next = record.offset + 1
    }
    this.#checkLack(view, next, end)
    if (records.length !== segment.records) {
      this.#violated(
        `sum: ${view.keyOf(segment)} has ${records.length} records, and its item says ${segment.records}`,
      )
    }
  }

  #checkLack({ partition, head }: LogView, from: number, to: number): void {
    for (let offset = from; offset < to; offset += 1) {
      const place = `${partitionKey(partition)}/${offset}`
      // What has gone once is in none that is made of it.
      if (this.#lacking.has(place)) continue
      if (this.#mayLack(partition, offset, head!)) this.#lacking.add(place)
      else this.#violated(`hole: a segment lacks ${place}`)
    }
  }

  #runOf({ place, bytes }: IndexEntry): Uint8Array | undefined {
    if (place.kind === 'inline') return place.payload
    if (place.kind === 'segment') return undefined
    return this.#objects.bytesOf(ingestKey(place))?.subarray(place.position, place.position + bytes)
  }

  #count(before: Head | undefined, { settled }: Head): void {
    if (!before) return
    if (settled.firstOffset > before.settled.firstOffset) this.drops += 1
    else if (settled.settledOffset > before.settled.settledOffset) this.settles += 1
    else if (settled.generation > before.settled.generation) this.passes += 1
    else if (settled.mergedOffset > before.settled.mergedOffset) this.merges += 1
  }
}

function isSameValue(one: Settled, other: Settled): boolean {
  return one === other || Buffer.compare(encodeSettled(one), encodeSettled(other)) === 0
}
