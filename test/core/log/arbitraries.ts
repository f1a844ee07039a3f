import fc from 'fast-check'
import type { Block } from '../../../src/core/log/block.ts'
import { type IndexEntry, type Mark, spanOf } from '../../../src/core/log/entry.ts'
import type { Head } from '../../../src/core/log/head.ts'
import type { FlushedProducer } from '../../../src/core/log/producers/flushed-producer.ts'
import type { ProducerRun } from '../../../src/core/log/producers/producer-run.ts'
import type { ProducerState } from '../../../src/core/log/producers/producer-state.ts'
import type { Segment } from '../../../src/core/log/settled/segment.ts'
import { type Settled, UNSETTLED } from '../../../src/core/log/settled/settled.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('hex'))

/** Often small, sometimes as large as it can be without sums that are no safe integers. */
const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 44 }))
const timeMs = fc.oneof(
  fc.constant(-1),
  fc.integer({ min: 0, max: 2 ** 41 }),
  fc.constant(Number.MAX_SAFE_INTEGER - 1),
)

/** Marks as a writer makes them: ascending in both, inside the run. */
const marksInside = (span: number, bytes: number): fc.Arbitrary<Mark[]> =>
  fc.array(fc.tuple(fc.nat({ max: span }), fc.nat({ max: bytes })), { maxLength: 6 }).map(pairs => {
    const spans = pairs.map(([count]) => count).sort((left, right) => left - right)
    const byteCounts = pairs.map(([, count]) => count).sort((left, right) => left - right)
    return spans.map((count, at) => ({ span: count, bytes: byteCounts[at]! }))
  })

const producerId = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const sequence = fc.nat({ max: 2 ** 31 - 1 })
const epoch = fc.nat({ max: 2 ** 15 - 1 })
const producerState: fc.Arbitrary<ProducerState> = fc.record({ epoch, lastSequence: sequence })
export const flushedProducer: fc.Arbitrary<FlushedProducer> = fc.record({
  epoch,
  createdMs: fc.nat({ max: 2 ** 45 }),
  runs: fc.array(fc.record({ sequence, records: size, baseOffset: size.map(toOffset) }), { maxLength: 5 }),
})

/** Runs of a few producers, in the order of their records. */
const producerRuns: fc.Arbitrary<ProducerRun[]> = fc.array(
  fc.record({
    producerId,
    epoch,
    sequence,
    records: size,
    spanBefore: size,
  }),
  { maxLength: 3 },
)

const shared = {
  id,
  producers: producerRuns,
  maxTimestampMs: timeMs,
  createdMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
}

export const inlineEntry: fc.Arbitrary<IndexEntry> = fc
  .record({
    ...shared,
    span: fc.integer({ min: 1, max: 1000 }),
    payload: fc.uint8Array({ maxLength: 600 }),
  })
  .map(({ payload, ...rest }) => ({
    ...rest,
    bytes: payload.length,
    place: { kind: 'inline', payload },
    marks: [],
  }))

const objectEntry: fc.Arbitrary<IndexEntry> = fc
  .record({
    ...shared,
    span: size,
    bytes: size,
    object: fc.option(id),
    epoch: fc.oneof(fc.constant(0), fc.nat({ max: 2 ** 30 })),
    position: fc.nat({ max: 2 ** 45 }),
  })
  .chain(({ object, epoch, position, ...rest }) =>
    marksInside(rest.span, rest.bytes).map(marks => ({
      ...rest,
      place: { kind: 'object' as const, object: object ?? rest.id, epoch, position: toPosition(position) },
      marks,
    })),
  )

export const entry = fc.oneof(inlineEntry, objectEntry)

const summary = fc.record({ bytes: fc.nat({ max: 2 ** 50 }), maxTimestampMs: timeMs })

/** Boundaries that are in order; about one in three: none yet. */
export function settledUpTo(tailOffset: number): fc.Arbitrary<Settled> {
  const offset = fc.nat({ max: tailOffset }).map(toOffset)
  const some = fc
    .record({
      offsets: fc.tuple(offset, offset, offset).map(all => all.toSorted((one, other) => one - other)),
      generation: fc.nat({ max: 100 }),
      begun: fc.nat({ max: 3 }),
      resumes: fc.nat({ max: 3 }),
      cleaningTo: offset,
      cleaningClean: offset,
      cleanOffset: offset,
      rules: fc.nat({ max: 9 }),
      segmentSum: fc.nat({ max: 2 ** 53 - 1 }),
      bytes: fc.nat({ max: 2 ** 50 }),
      loggedBytes: fc.nat({ max: 2 ** 50 }),
      settledMs: fc.nat({ max: 2 ** 45 }),
      mergedMaxMs: fc.nat({ max: 2 ** 45 }),
    })
    .map(({ offsets: [firstOffset, mergedOffset, settledOffset], begun, ...rest }) => ({
      ...rest,
      firstOffset: firstOffset!,
      mergedOffset: mergedOffset!,
      settledOffset: settledOffset!,
      cleaning: rest.generation + begun,
    }))
  return fc.oneof(fc.constant(UNSETTLED), some, some)
}

/** A segment of any kind, where it begins apart. */
export const segment: fc.Arbitrary<Segment> = fc
  .record({
    baseOffset: fc.nat({ max: 2 ** 50 }),
    span: fc.integer({ min: 1, max: 2 ** 40 }),
    id,
    bytes: size,
    footerBytes: size,
    records: size,
    writes: fc.nat({ max: 3 }),
    loggedBytes: fc.nat({ max: 2 ** 50 }),
    maxTimestampMs: timeMs,
    firstTimestampMs: timeMs,
    createdMs: fc.nat({ max: 2 ** 45 }),
    startOffset: fc.nat({ max: 2 ** 50 }).map(toOffset),
    tombstonesMs: fc.nat({ max: 2 ** 45 }),
    lost: fc.option(fc.integer({ min: 1, max: 2 ** 40 }), { nil: undefined }),
  })
  .map(({ baseOffset, span, lost, ...rest }) => ({
    ...rest,
    ...(lost !== undefined && { lost }),
    baseOffset: toOffset(baseOffset),
    end: toOffset(baseOffset + span),
  }))

/** A head whose numbers add up. */
export const head: fc.Arbitrary<Head> = fc
  .record({
    tailOffset: fc.nat({ max: 2 ** 45 }),
    tail: fc.uniqueArray(entry, { maxLength: 24, selector: item => item.id }),
    start: fc.double({ min: 0, max: 1, noNaN: true }),
    floors: fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 })),
    flushed: summary,
    producers: fc.array(fc.tuple(producerId, producerState), { maxLength: 4 }).map(pairs => new Map(pairs)),
    flushedProducers: fc
      .array(fc.tuple(producerId, flushedProducer), { maxLength: 4 })
      .map(pairs => new Map(pairs)),
  })
  .chain(rest => settledUpTo(rest.tailOffset).map(settled => ({ ...rest, settled })))
  .map(({ tailOffset, tail, start, floors, ...rest }) => {
    const nextOffset = tailOffset + spanOf(tail)
    const { firstOffset } = rest.settled
    const [drained, appendFloor] = floors.toSorted((one, other) => one - other)
    return {
      ...rest,
      startOffset: toOffset(firstOffset + Math.floor(start * (nextOffset - firstOffset))),
      tailOffset: toOffset(tailOffset),
      nextOffset: toOffset(nextOffset),
      tail,
      appendFloor: appendFloor!,
      drained: drained!,
    }
  })

export const block: fc.Arbitrary<Block> = fc.record({
  baseOffset: fc.nat({ max: 2 ** 50 }).map(toOffset),
  entries: fc.array(objectEntry, { minLength: 1, maxLength: 20 }),
  summary,
})

/** An entry of known fields, for tests that go by example. */
export function exampleEntry(number: number, overrides: Partial<IndexEntry> = {}): IndexEntry {
  const payload = Uint8Array.from({ length: 100 }, (_, at) => (number + at) % 256)
  return {
    id: number.toString(16).padStart(32, '0'),
    span: 1,
    bytes: payload.length,
    maxTimestampMs: 1_000 + number,
    createdMs: 10_000,
    place: { kind: 'inline', payload },
    marks: [],
    producers: [],
    ...overrides,
  }
}

export function exampleObjectEntry(number: number, overrides: Partial<IndexEntry> = {}): IndexEntry {
  const { id: entryId } = exampleEntry(number)
  return exampleEntry(number, {
    place: { kind: 'object', object: entryId, epoch: 0, position: toPosition(0) },
    ...overrides,
  })
}

/** A head with this tail, beginning at `tailOffset`. */
export function exampleHead(tail: readonly IndexEntry[], tailOffset = 0): Head {
  return {
    startOffset: toOffset(0),
    tailOffset: toOffset(tailOffset),
    nextOffset: toOffset(tailOffset + spanOf(tail)),
    tail,
    flushed: { bytes: 0, maxTimestampMs: -1 },
    producers: new Map(),
    flushedProducers: new Map(),
    settled: UNSETTLED,
    appendFloor: 0,
    drained: 0,
  }
}

/** With every payload as a plain array, so that a view and what it was made of are equal. */
export function plainEntry(item: IndexEntry): IndexEntry {
  if (item.place.kind !== 'inline') return item
  return { ...item, place: { kind: 'inline', payload: Uint8Array.from(item.place.payload) } }
}

export function plainHead(item: Head): Head {
  return { ...item, tail: item.tail.map(plainEntry) }
}
