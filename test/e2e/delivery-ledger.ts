/** A record as a consumer of a group printed it. */
export interface Delivery {
  /** Of the consumer. */
  pid: number
  partition: number
  generation: number
  offset: number
}

interface Ownership {
  pid: number
  lastOffset: number
}

/** What a group's consumers delivered and committed, and whether that is what a group promises. */
export class DeliveryLedger {
  /** By partition, then by generation. */
  readonly #ownerships = new Map<number, Map<number, Ownership>>()
  /** By partition. */
  readonly #delivered = new Map<number, Set<number>>()
  readonly #committed = new Map<number, number>()
  readonly problems: string[] = []
  deliveries = 0
  repeated = 0

  delivered({ pid, partition, generation, offset }: Delivery): void {
    this.deliveries++
    const place = `partition ${partition}, generation ${generation}, process ${pid}: offset ${offset}`
    const ownerships = getOrMake(this.#ownerships, partition, () => new Map<number, Ownership>())
    const ownership = ownerships.get(generation)
    if (ownership === undefined) ownerships.set(generation, { pid, lastOffset: offset })
    else {
      if (ownership.pid !== pid) this.problems.push(`${place} is of process ${ownership.pid}'s ownership`)
      if (ownership.lastOffset + 1 !== offset) this.problems.push(`${place} follows ${ownership.lastOffset}`)
      ownership.lastOffset = offset
    }
    const offsets = getOrMake(this.#delivered, partition, () => new Set<number>())
    if (offsets.has(offset)) this.repeated++
    offsets.add(offset)
  }

  /** What the group has committed in a partition now. Whether all before it was delivered, `missing` tells in the end. */
  committed(partition: number, offset: number): void {
    const before = this.#committed.get(partition) ?? 0
    if (offset < before) {
      this.problems.push(
        `partition ${partition}: the committed offset moved back, from ${before} to ${offset}`,
      )
    }
    this.#committed.set(partition, offset)
  }

  /** The generation under which this process last delivered something of a partition. */
  generationOf(partition: number, pid: number): number | undefined {
    const own = [...(this.#ownerships.get(partition) ?? [])].filter(([, ownership]) => ownership.pid === pid)
    return own.length === 0 ? undefined : Math.max(...own.map(([generation]) => generation))
  }

  /** How many of the first `records` of a partition nobody delivered. */
  missing(partition: number, records: number): number {
    const offsets = this.#delivered.get(partition)
    let missing = 0
    for (let offset = 0; offset < records; offset++) if (!offsets?.has(offset)) missing++
    return missing
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key) ?? make()
  map.set(key, found)
  return found
}
