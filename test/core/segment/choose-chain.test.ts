import { describe, expect, test } from 'vitest'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import type { Level, Segment } from '../../../src/core/log/settled/segment.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { type Chain, chooseChain, type FoundSegment } from '../../../src/core/segment/choose-chain.ts'

let ids = 0
const ZERO = toOffset(0)

function segmentOf(base: number, end: number, startOffset = 0): Segment {
  ids += 1
  return {
    baseOffset: toOffset(base),
    end: toOffset(end),
    id: ids.toString(16).padStart(32, '0'),
    bytes: 100,
    footerBytes: 50,
    records: end - base,
    writes: 2,
    loggedBytes: end * 10,
    maxTimestampMs: 1,
    firstTimestampMs: 1,
    createdMs: 1,
    startOffset: toOffset(startOffset),
    tombstonesMs: 0,
  }
}

function found(level: Level, base: number, end: number, { passEnd = 0, cleanTo = 0, start = 0 } = {}) {
  const segment = segmentOf(base, end, start)
  return { level, segment, passEnd: toOffset(passEnd), cleanTo: toOffset(cleanTo) }
}

const shown = ({ merged, rolled, mergedOffset, generation, gaps }: Chain) => ({
  merged: merged.map(({ baseOffset, end }) => `${baseOffset}-${end}`).join(' '),
  rolled: rolled.map(({ baseOffset, end }) => `${baseOffset}-${end}`).join(' '),
  mergedOffset,
  generation,
  gaps: gaps.map(({ from, to }) => `${from}-${to}`).join(' '),
})

describe('of the objects of a partition', () => {
  test('none make an empty log', () => {
    expect(shown(chooseChain([], toOffset(7)))).toEqual({
      merged: '',
      rolled: '',
      mergedOffset: 7,
      generation: 0,
      gaps: '',
    })
  })

  test('rolled ones follow one another, and who lost a race is left out', () => {
    const loser = found('rolled', 10, 15)
    const chain = chooseChain(
      [found('rolled', 20, 30), loser, found('rolled', 0, 10), found('rolled', 10, 20)],
      ZERO,
    )
    expect(shown(chain)).toMatchObject({ merged: '', rolled: '0-10 10-20 20-30', gaps: '' })
    expect(chain.unused).toEqual([loser.segment])
  })

  test('a merged one goes before those it was made of', () => {
    const inputs = [found('rolled', 0, 10), found('rolled', 10, 20)]
    const chain = chooseChain([...inputs, found(0, 0, 20), found('rolled', 20, 30)], ZERO)
    expect(shown(chain)).toMatchObject({ merged: '0-20', rolled: '20-30', mergedOffset: 20 })
    expect(chain.unused).toHaveLength(2)
  })

  test('one that was taken over as it is stands among the merged ones', () => {
    const chain = chooseChain([found('rolled', 0, 10), found(0, 10, 30), found('rolled', 30, 40)], ZERO)
    expect(shown(chain)).toMatchObject({ merged: '0-10 10-30', rolled: '30-40', mergedOffset: 30 })
  })

  test('what a whole pass has cleaned goes before what it was made of, and cuts what lies across its end', () => {
    const pass = { passEnd: 25, cleanTo: 25 }
    const old = [found('rolled', 0, 10), found('rolled', 10, 20), found('rolled', 20, 30)]
    const chain = chooseChain(
      [...old, found(1, 0, 15, pass), found(1, 15, 25, pass), found('rolled', 30, 40)],
      ZERO,
    )
    expect(shown(chain)).toMatchObject({
      merged: '0-15 15-25',
      rolled: '20-30 30-40',
      mergedOffset: 25,
      generation: 1,
    })
    expect(chain).toMatchObject({ cleanOffset: 25, cleaning: 1 })
  })

  test('a pass that was not ended counts for nothing but its number', () => {
    const pass = { passEnd: 20, cleanTo: 20 }
    const chain = chooseChain([found('rolled', 0, 10), found('rolled', 10, 20), found(3, 0, 12, pass)], ZERO)
    expect(shown(chain)).toMatchObject({ merged: '', rolled: '0-10 10-20', generation: 0 })
    expect(chain).toMatchObject({ cleanOffset: 0, cleaning: 3 })
  })

  test('a pass that was gone on with has what the one before had made', () => {
    const pass = { passEnd: 30, cleanTo: 20 }
    const old = [found('rolled', 0, 20), found('rolled', 20, 30)]
    const made = [found(1, 0, 8, pass), found(2, 8, 20, pass)]
    const chain = chooseChain([...old, ...made], ZERO)
    expect(shown(chain)).toMatchObject({ merged: '0-8 8-20 20-30', rolled: '', generation: 2 })
    expect(chain.cleanOffset).toBe(20)
  })

  test('what lies below the start is left out, but for the segment that holds it', () => {
    const all = [found('rolled', 0, 10), found('rolled', 10, 20, { start: 3 }), found('rolled', 20, 30)]
    expect(shown(chooseChain(all, ZERO))).toMatchObject({ rolled: '0-10 10-20 20-30' })
    expect(shown(chooseChain(all, toOffset(15)))).toMatchObject({ rolled: '10-20 20-30' })
    expect(chooseChain(all, toOffset(15)).startOffset).toBe(15)
    expect(chooseChain(all, ZERO).startOffset).toBe(3)
    expect(shown(chooseChain(all, toOffset(30)))).toMatchObject({ rolled: '', mergedOffset: 30 })
  })

  test('what is lost is told, and what lies behind it is taken', () => {
    const all = [found(0, 0, 10), found('rolled', 20, 30), found('rolled', 50, 60)]
    expect(shown(chooseChain(all, ZERO))).toMatchObject({
      merged: '0-10',
      rolled: '20-30 50-60',
      gaps: '10-20 30-50',
    })
  })

  test('where an object of a pass is lost, those that it was made of are taken while they are there', () => {
    const pass = { passEnd: 30, cleanTo: 30 }
    const old = [found('rolled', 0, 10), found('rolled', 10, 20), found('rolled', 20, 30)]
    const made = [found(1, 0, 10, pass), found(1, 20, 30, pass)]
    expect(shown(chooseChain([...old, ...made], ZERO))).toMatchObject({
      rolled: '0-10 10-20 20-30',
      gaps: '',
    })
    expect(shown(chooseChain(made, ZERO))).toMatchObject({
      merged: '0-10 20-30',
      generation: 1,
      gaps: '10-20',
    })
  })
})

/** A log that is rolled, merged, cleaned and cut, with what each of its objects holds. */
class Log {
  readonly objects = new Map<string, FoundSegment>()
  readonly kept = new Map<string, ReadonlySet<number>>()
  merged: Segment[] = []
  rolled: Segment[] = []
  mergedOffset = 0
  settledOffset = 0
  startOffset = 0
  generation = 0
  cleaning = 0
  cleanOffset = 0
  readonly #entropy: SeededEntropy

  constructor(seed: number) {
    this.#entropy = new SeededEntropy(seed)
  }

  #put(
    level: Level,
    base: number,
    end: number,
    offsets: Iterable<number>,
    passEnd = 0,
    cleanTo = 0,
  ): Segment {
    const each = found(level, base, end, { passEnd, cleanTo })
    this.objects.set(each.segment.id, each)
    this.kept.set(each.segment.id, new Set(offsets))
    return each.segment
  }

  /** The offsets of records in [from, to). */
  records(from: number, to: number): number[] {
    return recordsOf(this.merged, this.rolled, this.mergedOffset, this.kept).filter(
      offset => offset >= from && offset < to,
    )
  }

  roll(): void {
    const end = this.settledOffset + this.#entropy.integer(1, 12)
    if (this.#entropy.integer(0, 3) === 0) {
      const other = this.settledOffset + this.#entropy.integer(1, 12)
      this.#put('rolled', this.settledOffset, other, rangeOf(this.settledOffset, other))
    }
    this.rolled.push(this.#put('rolled', this.settledOffset, end, rangeOf(this.settledOffset, end)))
    this.settledOffset = end
  }

  merge(): void {
    const count = this.#entropy.integer(1, 3)
    if (this.rolled.length < count) return
    const inputs = this.rolled.slice(0, count)
    const end = inputs.at(-1)!.end
    const offsets = this.records(this.mergedOffset, end)
    const isWhole = count === 1 && inputs[0]!.baseOffset === this.mergedOffset
    this.merged.push(isWhole ? inputs[0]! : this.#put(this.generation, this.mergedOffset, end, offsets))
    this.rolled.splice(0, count)
    this.mergedOffset = end
  }

  moveStart(): void {
    this.startOffset = this.#entropy.integer(
      this.startOffset,
      Math.min(this.settledOffset, this.startOffset + 20),
    )
    while (this.merged[0] && this.merged[0].end <= this.startOffset) this.merged.shift()
    if (this.merged.length > 0) return
    while (this.rolled[0] && this.rolled[0].end <= this.startOffset) this.rolled.shift()
    const first = this.rolled[0]?.baseOffset ?? this.settledOffset
    this.mergedOffset = Math.max(this.mergedOffset, first)
  }

  /** A pass of the cleaner, perhaps by several who go on with it, perhaps not ended. */
  clean(): void {
    const first = this.merged[0]?.baseOffset ?? this.mergedOffset
    const from = Math.max(this.cleanOffset, first + 1)
    if (from >= this.settledOffset) return
    const cleanTo = this.#entropy.integer(from, this.settledOffset)
    const passEnd = Math.max(cleanTo, this.mergedOffset)
    const made: Segment[] = []
    this.cleaning += 1
    for (let base = first; base < cleanTo; ) {
      if (this.#entropy.integer(0, 4) === 0) return
      if (this.#entropy.integer(0, 4) === 0) this.cleaning += 1
      const end = Math.min(cleanTo, base + this.#entropy.integer(1, 25))
      const offsets = this.records(base, end).filter(() => this.#entropy.integer(0, 1) === 1)
      made.push(this.#put(this.cleaning, base, end, offsets, passEnd, cleanTo))
      base = end
    }
    for (const segment of this.merged.filter(({ end }) => end > cleanTo)) {
      const base = Math.max(segment.baseOffset, cleanTo)
      if (base === segment.baseOffset) made.push(segment)
      else {
        const offsets = this.records(base, segment.end)
        made.push(this.#put(this.cleaning, base, segment.end, offsets, passEnd, cleanTo))
      }
    }
    this.merged = made
    this.rolled = this.rolled.filter(({ end }) => end > passEnd)
    this.mergedOffset = passEnd
    this.generation = this.cleaning
    this.cleanOffset = cleanTo
  }

  /** Some of what does not count goes. */
  collect(): void {
    const counted = new Set([...this.merged, ...this.rolled].map(({ id }) => id))
    for (const id of this.objects.keys()) {
      if (!counted.has(id) && this.#entropy.integer(0, 2) === 0) this.objects.delete(id)
    }
  }
}

function* rangeOf(from: number, to: number): Generator<number> {
  for (let offset = from; offset < to; offset += 1) yield offset
}

function recordsOf(
  merged: readonly Segment[],
  rolled: readonly Segment[],
  mergedOffset: number,
  kept: ReadonlyMap<string, ReadonlySet<number>>,
): number[] {
  const below = merged.flatMap(({ id }) => [...kept.get(id)!])
  const above = rolled.flatMap(({ id }) => [...kept.get(id)!].filter(offset => offset >= mergedOffset))
  return [...below, ...above]
}

/** What a log must look like to its readers. */
function problemsOf({ merged, rolled, mergedOffset, startOffset }: Chain): string[] {
  const problems: string[] = []
  merged.forEach((segment, at) => {
    const before = merged[at - 1]
    if (before && before.end !== segment.baseOffset) problems.push(`merged ${segment.baseOffset}`)
  })
  rolled.forEach((segment, at) => {
    const before = rolled[at - 1]
    if (before ? before.end !== segment.baseOffset : segment.baseOffset > mergedOffset)
      problems.push(`rolled ${segment.baseOffset}`)
  })
  const mergedEnd = merged.at(-1)?.end
  if (mergedEnd !== undefined && mergedEnd !== mergedOffset) problems.push(`merged ends at ${mergedEnd}`)
  const first = merged[0] ?? rolled[0]
  if (first && (first.baseOffset > startOffset || first.end <= startOffset)) problems.push('the start')
  return problems
}

test('after any history, of the objects that are left those are chosen that hold what counted', () => {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    const log = new Log(seed)
    const entropy = new SeededEntropy(seed + 1_000_000)
    for (let step = entropy.integer(1, 40); step > 0; step -= 1) {
      const kind = entropy.integer(0, 9)
      if (kind < 4) log.roll()
      else if (kind < 6) log.merge()
      else if (kind === 6) log.moveStart()
      else if (kind < 9) log.clean()
      else log.collect()
    }
    const chain = chooseChain([...log.objects.values()], toOffset(log.startOffset))
    const records = recordsOf(chain.merged, chain.rolled, chain.mergedOffset, log.kept)
    const within = records.filter(offset => offset >= log.startOffset && offset < log.settledOffset)
    expect([seed, chain.gaps, problemsOf(chain)]).toEqual([seed, [], []])
    expect([seed, within]).toEqual([seed, log.records(log.startOffset, log.settledOffset)])
    // Beyond stands only what somebody has rolled who was too late to say so.
    expect([seed, new Set(records).size]).toEqual([seed, records.length])
  }
})
