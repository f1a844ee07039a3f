/** A record that a producer sent: its id, from which its value follows. */
export interface SentRecord {
  id: string
  partition: number
}

/** A record as it was read from the log. */
export interface FoundRecord {
  partition: number
  offset: number
  value: Uint8Array
}

/** A value of `bytes` bytes that no other id has. */
export function recordValue(id: string, bytes: number): Buffer {
  const start = `${id}/${bytes}/`
  return Buffer.alloc(Math.max(bytes, start.length), start)
}

/** What producers were told about their records, and whether the log agrees with it. */
export class ProduceLedger {
  /** By id: where the record is. Told by the broker, or seen in the log once. */
  readonly #placed = new Map<string, { partition: number; offset: number }>()
  /** By id: may be in its partition. */
  #unknown = new Map<string, number>()
  /** Must never be seen. */
  readonly #absent = new Set<string>()

  get unknown(): number {
    return this.#unknown.size
  }

  acknowledged(sent: SentRecord[], baseOffset: number): void {
    for (const [index, { id, partition }] of sent.entries()) {
      this.#placed.set(id, { partition, offset: baseOffset + index })
    }
  }

  refused(sent: SentRecord[]): void {
    for (const { id } of sent) this.#absent.add(id)
  }

  outcomeUnknown(sent: SentRecord[]): void {
    for (const { id, partition } of sent) this.#unknown.set(id, partition)
  }

  /**
   * Holds the whole log, in the order of offsets within each partition, against what is known; a record whose
   * fate was unknown has one from then on. Answers what is wrong.
   */
  check(log: Iterable<FoundRecord>): string[] {
    const problems: string[] = []
    const nextOffsets = new Map<number, number>()
    const seen = new Set<string>()
    for (const { partition, offset, value } of log) {
      const place = `partition ${partition}, offset ${offset}`
      const expectedOffset = nextOffsets.get(partition) ?? 0
      if (offset !== expectedOffset) problems.push(`${place}: expected offset ${expectedOffset}`)
      nextOffsets.set(partition, offset + 1)

      const id = readId(value)
      if (id === null) {
        problems.push(`${place}: a value that nobody sent`)
        continue
      }
      if (seen.has(id)) problems.push(`${place}: ${id} is there twice`)
      seen.add(id)
      if (this.#absent.has(id)) problems.push(`${place}: ${id} was not written, it was said`)
      const placed = this.#placed.get(id)
      if (placed) {
        if (placed.partition !== partition || placed.offset !== offset) {
          problems.push(`${place}: ${id} belongs to partition ${placed.partition}, offset ${placed.offset}`)
        }
      } else if (this.#unknown.get(id) === partition) this.#placed.set(id, { partition, offset })
      else if (!this.#absent.has(id)) problems.push(`${place}: ${id} was never sent there`)
    }
    for (const [id, { partition, offset }] of this.#placed) {
      if (!seen.has(id)) problems.push(`partition ${partition}, offset ${offset}: ${id} is lost`)
    }
    // Whoever could have brought them in is dead.
    for (const id of this.#unknown.keys()) if (!seen.has(id)) this.#absent.add(id)
    this.#unknown = new Map()
    return problems
  }
}

/** null where the value is not, to the last byte, what `recordValue` made. */
function readId(value: Uint8Array): string | null {
  const text = Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, 100)).toString('latin1')
  const [id, bytes] = text.split('/')
  if (id === undefined || bytes === undefined) return null
  return recordValue(id, Number(bytes)).equals(value) ? id : null
}
