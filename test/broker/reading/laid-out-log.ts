/**
 * Logs as they come to be laid out: merged and rolled segments with what a cleaner left, blocks, a tail, and what came late and
 * counts nowhere. Beside each stands a plain list of what is in it, against which every reader is held.
 */
import fc from 'fast-check'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { type Block, blockEnd } from '../../../src/core/log/block.ts'
import type { Move } from '../../../src/core/log/changes/rearrange.ts'
import type { Level, Segment } from '../../../src/core/log/settled/segment.ts'
import { latestOf, sumOf } from '../../../src/core/log/settled/segment-sum.ts'
import { makeBlock } from '../../../src/core/log/tail.ts'
import { type Offset, toOffset, toPosition } from '../../../src/core/numbers.ts'
import { patchOffsets } from '../../../src/core/record/batch-header.ts'
import { type CompressionName, encodeBatch } from '../../../src/core/record/index.ts'
import { SegmentWriter } from '../../../src/core/segment/segment-writer.ts'
import { logObjectKey } from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import type { ObjectLocator } from '../../../src/ports/object-locator.ts'
import { NO_CHANGES } from '../../conformance/samples.ts'
import { gapped } from '../../core/record/forge.ts'
import { Harness, joined, NOW_MS } from '../harness.ts'

/** What becomes of a record: which levels it has gone from. */
type Fate = 'stays' | 'goes when merged' | 'goes when rolled'

interface PlannedBatch {
  readonly records: readonly { readonly fate: Fate; readonly drift: number }[]
  readonly padding: number
  readonly compression: CompressionName
}

interface Piece {
  readonly batches: readonly PlannedBatch[]
  readonly isFlushed: boolean
  /** Whether a segment ends with the block that this is the last piece of. */
  readonly endsSegment: boolean
  readonly endsMerged: boolean
}

/** How a log is laid out; shares are parts of what there is. */
export interface Layout {
  readonly pieces: readonly Piece[]
  readonly settledShare: number
  readonly mergedShare: number
  readonly startShare: number
  readonly isDropped: boolean
  /** How far apart a footer's marks are. */
  readonly markBytes: number
  /** Whether what does not count is still there, and more that came late. */
  readonly hasStrays: boolean
  /** Whether the records at the log's end may have gone, too: so it is in one whose index was made anew. */
  readonly mayEndInHole: boolean
}

export interface LaidOutRecord {
  readonly offset: number
  readonly value: string
  readonly timestampMs: number
}

export interface LaidOutLog {
  readonly harness: Harness
  readonly broker: LogBroker
  readonly partition: PartitionId
  readonly startOffset: number
  readonly endOffset: number
  /** In the order of their offsets, from the start on. */
  readonly records: readonly LaidOutRecord[]
}

const fate = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Fate>('stays') },
  { weight: 2, arbitrary: fc.constant<Fate>('goes when merged') },
  { weight: 2, arbitrary: fc.constant<Fate>('goes when rolled') },
)

const batch = (paddingMax: number): fc.Arbitrary<PlannedBatch> =>
  fc.record({
    records: fc.array(fc.record({ fate, drift: fc.nat({ max: 40 }) }), { minLength: 1, maxLength: 4 }),
    padding: fc.oneof(
      fc.nat({ max: 100 }),
      fc.integer({ min: Math.floor(paddingMax / 2), max: paddingMax }),
      fc.integer({ min: Math.floor(paddingMax / 2), max: paddingMax }),
    ),
    compression: fc.constantFrom<CompressionName>('none', 'none', 'none', 'none', 'none', 'gzip', 'lz4'),
  })

const share = fc.nat({ max: 100 }).map(percent => percent / 100)

/** @param paddingMax so large are a record's bytes: above a megabyte, a segment's marks are looked at */
export const layouts = (paddingMax: number, piecesMax = 14): fc.Arbitrary<Layout> =>
  fc.record({
    pieces: fc.array(
      fc.record({
        batches: fc.array(batch(paddingMax), { minLength: 1, maxLength: 3 }),
        isFlushed: fc.boolean(),
        endsSegment: fc.boolean(),
        endsMerged: fc.boolean(),
      }),
      { minLength: Math.floor(piecesMax / 4), maxLength: piecesMax, size: 'max' },
    ),
    settledShare: fc.oneof(share, fc.constant(1)),
    mergedShare: share,
    startShare: fc.oneof(fc.constant(0), share),
    isDropped: fc.boolean(),
    markBytes: fc.constantFrom(1, 300, 100_000),
    hasStrays: fc.boolean(),
    mayEndInHole: fc.boolean(),
  })

/** A batch where it stands in the log as it was written. */
interface WrittenBatch {
  readonly plan: PlannedBatch
  readonly base: number
  readonly end: number
  readonly records: readonly (LaidOutRecord & { readonly fate: Fate })[]
}

const TOPIC = 'tides'
const UNSEEN_ID = 'f'.repeat(32)

/** Lays it out in stores in memory, on which brokers can be opened. */
export async function layOut(layout: Layout): Promise<LaidOutLog> {
  const harness = new Harness()
  const broker = harness.open({}, dataLocator(harness))
  await harness.run(broker.createTopic({ topic: TOPIC }))
  const partition = await harness.partitionId(TOPIC)
  const written = await write(harness, layout, partition)
  const laying = new Laying(harness, partition, layout, written)
  await harness.run(laying.settle())
  const head = (await harness.run(harness.plain.index.readHead(partition)))!
  const { startOffset, nextOffset: endOffset, settled } = head
  const { mergedOffset, settledOffset } = settled
  const records = written
    .flatMap(each => each.records)
    .filter(({ offset, fate }) => {
      if (offset < startOffset) return false
      if (laying.isLast(offset) || offset >= settledOffset) return true
      return offset < mergedOffset ? fate === 'stays' : fate !== 'goes when rolled'
    })
    .map(({ offset, value, timestampMs }) => ({ offset, value, timestampMs }))
  return { harness, broker, partition, startOffset, endOffset, records }
}

/** URLs that are the bytes themselves. */
function dataLocator(harness: Harness): ObjectLocator {
  return {
    locate: async (key, position, bytes) => {
      const found = await harness.plain.objects.get(key, position, bytes)
      const url = `data:application/octet-stream;base64,${Buffer.from(found!).toString('base64')}`
      return { url, expiresMs: NOW_MS + 1_000 }
    },
  }
}

async function write(harness: Harness, { pieces }: Layout, partition: PartitionId): Promise<WrittenBatch[]> {
  const writer = harness.open()
  const written: WrittenBatch[] = []
  let next = 0
  let timestampMs = 1_000
  for (const { batches, isFlushed } of pieces) {
    for (const plan of batches) {
      const base = next
      const records = plan.records.map(({ fate, drift }) => {
        timestampMs += drift - 10
        const offset = next++
        return { offset, value: `record ${offset}`, timestampMs: Math.max(0, timestampMs), fate }
      })
      written.push({ plan, base, end: next, records })
    }
    const run = written.slice(-batches.length).map(each => encode(each, 0, each.records))
    await harness.run(writer.produce({ topic: TOPIC, partition: 0, batches: joined(run) }))
    if (isFlushed) await harness.run(cutTail(harness, partition))
  }
  return written
}

/** The whole tail becomes blocks, with what lies in objects as well. */
async function cutTail({ plain }: Harness, partition: PartitionId): Promise<void> {
  const { index, clock } = plain
  await flush(plain, [{ partition, age: 'all' }], clock.monotonicMs() + 10_000)
  const head = await index.readHead(partition)
  if (!head || head.tail.length === 0) return
  const block = await index.putBlock(partition, makeBlock(head, head.tail))
  await index.trimTail(partition, block, NO_CHANGES, Number.POSITIVE_INFINITY)
}

function encode(
  { plan, base, end }: WrittenBatch,
  baseOffset: number,
  records: WrittenBatch['records'],
): Uint8Array {
  const { padding, compression } = plan
  const kept = records.map(({ offset, value, timestampMs }) => ({
    delta: offset - base,
    key: padding > 0 ? Buffer.alloc(padding, value) : null,
    value: Buffer.from(value),
    timestampMs,
  }))
  if (kept.length < end - base)
    return gapped(kept, { compression, baseOffset, lastOffsetDelta: end - base - 1 })
  const whole = new Uint8Array(encodeBatch(kept, { compression }))
  patchOffsets(whole, 0, baseOffset, 0)
  return whole
}

/** Moves what was written from level to level. */
class Laying {
  readonly #harness: Harness
  readonly #partition: PartitionId
  readonly #layout: Layout
  readonly #written: readonly WrittenBatch[]

  constructor(harness: Harness, partition: PartitionId, layout: Layout, written: readonly WrittenBatch[]) {
    this.#harness = harness
    this.#partition = partition
    this.#layout = layout
    this.#written = written
  }

  /** Whether it is the record that a cleaner leaves in any case. */
  isLast(offset: number): boolean {
    return !this.#layout.mayEndInHole && offset === this.#written.at(-1)!.end - 1
  }

  async settle(): Promise<void> {
    const { settledShare, mergedShare, startShare, hasStrays, isDropped } = this.#layout
    const { index } = this.#harness.plain
    const blocks = await index.readBlocks(this.#partition, toOffset(0), 1_000)
    const settled = blocks.slice(0, Math.round(settledShare * blocks.length))
    await this.#roll(settled)
    const settledOffset = settled.length > 0 ? blockEnd(settled.at(-1)!) : 0
    const ends = this.#written.map(({ end }) => end).filter(end => end <= settledOffset)
    const mergedOffset =
      Math.round(mergedShare * ends.length) > 0 ? ends[Math.round(mergedShare * ends.length) - 1]! : 0
    const rolled = await index.readSegments(this.#partition, 'rolled', toOffset(0), 1_000)
    if (mergedOffset > 0) await this.#clean(toOffset(mergedOffset), rolled)
    const end = this.#written.at(-1)!.end
    const startOffset = toOffset(Math.floor(startShare * end))
    await index.moveStart(this.#partition, startOffset)
    if (isDropped) await this.#drop()
    if (hasStrays) {
      await this.#putStrays()
      return
    }
    await index.removeBlocksBelow(this.#partition, toOffset(settledOffset))
    for (const segment of rolled) {
      if (segment.end <= mergedOffset) await index.removeSegment(this.#partition, 'rolled', segment)
    }
  }

  /** Whole blocks, into segments of one or several. */
  async #roll(blocks: readonly Block[]): Promise<void> {
    let base = 0
    for (const block of blocks) {
      const end = blockEnd(block)
      const piece = this.#pieceAt(end)
      if (block !== blocks.at(-1) && !piece.endsSegment) continue
      const keeps = (fate: Fate) => fate !== 'goes when rolled'
      const segment = await this.#putSegment('rolled', base, end, keeps)
      await this.#move({ kind: 'settle', segment, nowMs: NOW_MS })
      base = end
    }
  }

  /** A pass that ends at some batch, perhaps in the midst of a rolled segment. */
  async #clean(to: Offset, rolled: readonly Segment[]): Promise<void> {
    const { firstOffset, settledOffset } = (await this.#head()).settled
    const from = { firstOffset, mergedOffset: toOffset(0), settledOffset, generation: 0 }
    await this.#move({ kind: 'begin cleaning', cleaning: 1, resumes: 0, to, clean: to, rules: 0 })
    const merged: Segment[] = []
    let base = 0
    for (const { end } of this.#written) {
      if (end > to) break
      if (end < to && !this.#pieceAt(end).endsMerged) continue
      merged.push(await this.#putSegment(1, base, end, fate => fate === 'stays'))
      base = end
    }
    const removed = sumOf(rolled.filter(({ end }) => end <= to))
    const maxTimestampMs = latestOf(merged)
    await this.#move({
      kind: 'clean',
      cleaning: 1,
      from,
      rules: 0,
      sums: sumOf(merged),
      removed,
      maxTimestampMs,
    })
  }

  async #drop(): Promise<void> {
    const { startOffset, settled } = await this.#head()
    const { index } = this.#harness.plain
    const level = startOffset < settled.mergedOffset ? settled.generation : 'rolled'
    if (startOffset >= settled.settledOffset) return
    const [holder] = await index.readSegments(this.#partition, level, startOffset, 1)
    const to = toOffset(Math.max(holder!.baseOffset, level === 'rolled' ? settled.mergedOffset : 0))
    const removed = { segmentSum: 0, bytes: 0 }
    await this.#move({ kind: 'drop', from: settled, to, removed })
  }

  /** What somebody put who slept: where it does not count, and with objects that are not there. */
  async #putStrays(): Promise<void> {
    const { index } = this.#harness.plain
    const { settled, nextOffset } = await this.#head()
    const { mergedOffset, settledOffset, firstOffset } = settled
    const rolled = await index.readSegments(this.#partition, 'rolled', toOffset(0), 1_000)
    // The one that reaches beyond mergedOffset is the last one below it.
    const straddler = rolled.findLast(({ baseOffset }) => baseOffset < mergedOffset)
    for (let base = 0; base < (straddler?.baseOffset ?? 0); base++) {
      const stray = this.#strayFrom(base, nextOffset)
      if (base % 3 === 1) await index.putSegment(this.#partition, 'rolled', stray)
    }
    for (let base = 0; base < nextOffset; base += 2) {
      await index.putSegment(this.#partition, 2, this.#strayFrom(base, nextOffset))
      await index.putSegment(this.#partition, 0, this.#strayFrom(base, nextOffset))
    }
    for (let base = 1; base < firstOffset; base++) {
      await index.putSegment(this.#partition, settled.generation, this.#strayFrom(base, nextOffset))
    }
    const blocks = await index.readBlocks(this.#partition, toOffset(0), 1_000)
    const model = blocks[0]
    for (let base = 1; model && base < settledOffset; base += 2) {
      const place = { kind: 'object', object: UNSEEN_ID, epoch: 0, position: toPosition(0) } as const
      const entries = [{ ...model.entries[0]!, span: nextOffset, place }]
      await index.putBlock(this.#partition, { ...model, baseOffset: toOffset(base), entries })
    }
  }

  #strayFrom(base: number, end: number): Segment {
    return {
      ...{
        baseOffset: toOffset(base),
        end: toOffset(end + 1_000),
        id: UNSEEN_ID,
        bytes: 100,
        footerBytes: 20,
      },
      ...{ records: 1, writes: 1, loggedBytes: 0, maxTimestampMs: 10 ** 12, firstTimestampMs: 10 ** 12 },
      ...{ createdMs: 0, startOffset: toOffset(0), tombstonesMs: 0 },
    }
  }

  /** A segment, and its object if anything is left. */
  async #putSegment(
    level: Level,
    base: number,
    end: number,
    keeps: (fate: Fate) => boolean,
  ): Promise<Segment> {
    const { index, objects, entropy } = this.#harness.plain
    const writer = new SegmentWriter(toOffset(base), { markBytes: this.#layout.markBytes })
    const chunks: Uint8Array[] = []
    for (const each of this.#written) {
      if (each.base < base || each.end > end) continue
      const records = each.records.filter(({ fate, offset }) => keeps(fate) || this.isLast(offset))
      // Now and then a batch without records stays, as others' cleaners leave them.
      if (records.length === 0 && each.base % 5 > 0) continue
      chunks.push(writer.add(encode(each, each.base, records), toOffset(each.base), 'stored', toOffset(end)))
    }
    const { partition } = this.#partition
    const { footer, segment } = writer.finish(toOffset(end), {
      topic: { topicId: this.#partition.topicId, name: TOPIC, partitions: 1, configs: {}, createdMs: 0 },
      partition,
      level,
      cleanTo: toOffset(0),
      passEnd: toOffset(0),
      producers: new Map(),
      id: entropy.id(),
      writes: 1,
      loggedBytes: 0,
      createdMs: NOW_MS,
      startOffset: toOffset(0),
      tombstonesMs: 0,
    })
    const key = logObjectKey(this.#partition, segment.baseOffset, segment.id)
    if (segment.bytes > 0) await objects.put(key, [...chunks, footer])
    return await index.putSegment(this.#partition, level, segment)
  }

  #pieceAt(end: number): Piece {
    let batches = this.#written.filter(each => each.end <= end).length
    return this.#layout.pieces.find(piece => {
      batches -= piece.batches.length
      return batches <= 0
    })!
  }

  async #head() {
    return (await this.#harness.plain.index.readHead(this.#partition))!
  }

  async #move(move: Move): Promise<void> {
    const moved = await this.#harness.plain.index.rearrange(this.#partition, move)
    if (!moved?.moved) throw new Error(`the log refuses to ${move.kind}`)
  }
}
