import { type Offset, toOffset } from '../../src/core/numbers.ts'

type Fate = 'pending' | 'acknowledged' | 'no' | 'unknown'

interface Sent {
  readonly partition: number
  fate: Fate
  offset?: Offset
}

/** What a run's writers and readers were promised; every value is sent once. */
export class Expectations {
  readonly #sent = new Map<string, Sent>()
  readonly #observed = new Map<string, string>()
  readonly #deletedBefore = new Map<number, number>()
  readonly #highest = new Map<number, number>()
  acknowledged = 0
  unknown = 0

  sent(partition: number, values: readonly string[]): void {
    for (const value of values) this.#sent.set(value, { partition, fate: 'pending' })
  }

  acknowledge(partition: number, baseOffset: Offset, values: readonly string[]): void {
    for (const [index, value] of values.entries()) {
      const sent = this.#sent.get(value)!
      sent.fate = 'acknowledged'
      sent.offset = toOffset(baseOffset + index)
      this.acknowledged += 1
      this.observe(partition, sent.offset, value)
    }
  }

  settled(values: readonly string[], fate: 'no' | 'unknown'): void {
    for (const value of values) this.#sent.get(value)!.fate = fate
    if (fate === 'unknown') this.unknown += values.length
  }

  /** Calls of one writer to one broker, in the order in which they were made. */
  inOrder(offsets: readonly (Offset | undefined)[]): void {
    const known = offsets.filter(offset => offset !== undefined)
    const isSorted = known.every((offset, index) => index === 0 || offset > known[index - 1]!)
    if (!isSorted) throw new Error(`calls in order got offsets out of order: ${known.join(', ')}`)
  }

  /** An offset, once told to anybody, names that record for ever. */
  observe(partition: number, offset: Offset, value: string): void {
    const place = `${partition}/${offset}`
    const before = this.#observed.get(place)
    if (before !== undefined && before !== value) {
      throw new Error(`moved: ${place} was "${before}" and is "${value}" now`)
    }
    this.#observed.set(place, value)
    this.#highest.set(partition, Math.max(this.highestOffset(partition), offset))
  }

  highestOffset(partition: number): number {
    return this.#highest.get(partition) ?? 0
  }

  deleted(partition: number, before: Offset): void {
    this.#deletedBefore.set(partition, Math.max(this.#deletedBefore.get(partition) ?? 0, before))
  }

  /** Holds a partition's whole log, at rest, against everything promised about it. */
  check(partition: number, start: Offset, end: Offset, log: ReadonlyMap<Offset, string>): void {
    if (start > (this.#deletedBefore.get(partition) ?? 0)) throw new Error(`the log starts at ${start}`)
    const places = new Map<string, Offset>()
    for (let offset = start; offset < end; offset = toOffset(offset + 1)) {
      const value = log.get(offset)
      if (value === undefined) throw new Error(`hole: nothing is at ${partition}/${offset}`)
      if (places.has(value))
        throw new Error(`doubled: "${value}" is at ${places.get(value)} and at ${offset}`)
      places.set(value, offset)
      this.observe(partition, offset, value)
      const fate = this.#sent.get(value)?.fate
      if (fate === undefined) throw new Error(`"${value}" was never sent`)
      if (fate === 'no') throw new Error(`"${value}" was said not to be written, but is at ${offset}`)
    }
    for (const [value, sent] of this.#sent) {
      if (sent.partition !== partition || sent.fate !== 'acknowledged' || sent.offset! < start) continue
      if (log.get(sent.offset!) !== value)
        throw new Error(`lost: "${value}" is not at ${partition}/${sent.offset}`)
    }
  }
}
