import { groupBy } from '../../../src/core/since-node-22.ts'

/** What clients of transactions did and saw, and what of that must never be. In the manner of Jepsen's workload for Kafka. */

export interface Sent {
  readonly partition: number
  /** Sent once in a whole history. */
  readonly value: string
}

export interface Polled extends Sent {
  readonly offset: number
}

/** What one poll brought, in the order in which it came; a reader's polls go on from one another. */
export interface Poll {
  /** Whose, and since when he reads from the beginning. */
  readonly reader: string
  readonly records: readonly Polled[]
}

export interface Transaction {
  /** committed: somebody was told so; aborted: it never was committed; unknown: nobody was told. */
  readonly outcome: 'committed' | 'aborted' | 'unknown'
  /** In each partition in this order. */
  readonly sent: readonly Sent[]
  /** Those that were made within it. */
  readonly polled: readonly Polled[]
}

export interface History {
  readonly transactions: readonly Transaction[]
  /** In the order in which each reader made them. */
  readonly polls: readonly Poll[]
  /** All that there is at last, by whoever read everything. */
  readonly log: readonly Polled[]
}

export interface Anomaly {
  readonly kind:
    | 'G0 (writes of two transactions interleave in a partition)'
    | 'G1a (aborted read)'
    | 'G1b (a transaction reads what it has not committed)'
    | 'G1c (circle of reads)'
    | 'torn transaction'
    | 'lost write'
    | 'unseen by others'
    | 'duplicate'
    | 'invented value'
    | 'inconsistent offsets'
    | 'reordered write'
    | 'poll skip'
    | 'non-monotonic poll'
  readonly what: string
}

export function anomaliesIn(history: History): Anomaly[] {
  const log = new Log(history)
  return [
    ...log.anomalies,
    ...writesAmiss(history, log),
    ...readsAmiss(history, log),
    ...pollsAmiss(history, log),
    ...circlesOfReads(history, log),
  ]
}

/** Where each value is, by all that anybody has read. */
class Log {
  readonly anomalies: Anomaly[] = []
  readonly #values = new Map<string, string>()
  readonly #places = new Map<string, Polled>()
  readonly #writers = new Map<string, Transaction>()
  readonly #offsets = new Map<number, number[]>()
  /** Those that whoever read everything has read. */
  readonly seen: ReadonlySet<string>

  constructor({ transactions, polls, log }: History) {
    for (const transaction of transactions) {
      for (const { value } of transaction.sent) this.#writers.set(value, transaction)
    }
    const inTransactions = transactions.flatMap(({ polled }) => polled)
    for (const polled of [...log, ...polls.flatMap(({ records }) => records), ...inTransactions])
      this.#note(polled)
    for (const [partition, all] of groupBy(this.#places.values(), ({ partition }) => partition)) {
      this.#offsets.set(
        partition,
        all.map(({ offset }) => offset).sort((one, other) => one - other),
      )
    }
    this.seen = new Set(log.map(({ value }) => value))
  }

  #note(polled: Polled): void {
    const { partition, offset, value } = polled
    const key = `${partition}/${offset}`
    const standing = this.#values.get(key)
    if (standing !== undefined && standing !== value) {
      this.#found('inconsistent offsets', `${key} is ${standing} to one reader and ${value} to another`)
    }
    this.#values.set(key, value)
    const place = this.#places.get(value)
    if (place && (place.partition !== partition || place.offset !== offset)) {
      this.#found('duplicate', `${value} is at ${place.partition}/${place.offset} and at ${key}`)
    }
    this.#places.set(value, polled)
    const writer = this.#writers.get(value)
    if (!writer) this.#found('invented value', `${value} at ${key} was sent by nobody`)
    else if (writer.sent.every(sent => sent.value !== value || sent.partition !== partition)) {
      this.#found('invented value', `${value} at ${key} was sent to another partition`)
    }
  }

  #found(kind: Anomaly['kind'], what: string): void {
    if (!this.anomalies.some(anomaly => anomaly.kind === kind && anomaly.what === what)) {
      this.anomalies.push({ kind, what })
    }
  }

  placeOf(value: string): Polled | undefined {
    return this.#places.get(value)
  }

  valueAt(partition: number, offset: number): string | undefined {
    return this.#values.get(`${partition}/${offset}`)
  }

  writerOf(value: string): Transaction | undefined {
    return this.#writers.get(value)
  }

  /** Offsets of records between two others, none of them included. */
  between(partition: number, after: number, before: number): number[] {
    const offsets = this.#offsets.get(partition) ?? []
    return offsets.slice(placeAbove(offsets, after), placeAbove(offsets, before - 1))
  }
}

/** Of the first number that is above. */
function placeAbove(sorted: readonly number[], bound: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! > bound) high = middle
    else low = middle + 1
  }
  return low
}

function writesAmiss({ transactions }: History, log: Log): Anomaly[] {
  const anomalies: Anomaly[] = []
  for (const transaction of transactions) {
    const { sent, outcome } = transaction
    const missing = sent.filter(({ value }) => !log.seen.has(value)).map(({ value }) => value)
    if (outcome === 'committed') {
      for (const value of missing) {
        const place = log.placeOf(value)
        anomalies.push(
          place
            ? {
                kind: 'unseen by others',
                what: `${value} was read at ${place.partition}/${place.offset}, once`,
              }
            : { kind: 'lost write', what: `${value} was committed` },
        )
      }
    }
    if (outcome === 'unknown' && missing.length > 0 && missing.length < sent.length) {
      anomalies.push({
        kind: 'torn transaction',
        what: `${sent.map(({ value }) => value)} but not ${missing}`,
      })
    }
    const offsets = new Map<number, number[]>()
    for (const { value, partition } of sent) {
      const place = log.placeOf(value)
      if (place) offsets.set(partition, [...(offsets.get(partition) ?? []), place.offset])
    }
    for (const [partition, places] of offsets) {
      const sorted = places.toSorted((one, other) => one - other)
      if (places.some((place, index) => place !== sorted[index])) {
        anomalies.push({ kind: 'reordered write', what: `in partition ${partition}: ${places}` })
      }
      const strangers = log
        .between(partition, sorted[0]!, sorted.at(-1)!)
        .map(offset => log.valueAt(partition, offset)!)
        .filter(value => log.writerOf(value) !== transaction)
      if (strangers.length > 0) {
        anomalies.push({
          kind: 'G0 (writes of two transactions interleave in a partition)',
          what: `${strangers} among ${sent.map(({ value }) => value)} in partition ${partition}`,
        })
      }
    }
  }
  return anomalies
}

function readsAmiss({ transactions, polls, log: everything }: History, log: Log): Anomaly[] {
  const read = [
    ...everything,
    ...polls.flatMap(({ records }) => records),
    ...transactions.flatMap(({ polled }) => polled),
  ]
  const aborted = new Set(
    read.map(({ value }) => value).filter(value => log.writerOf(value)?.outcome === 'aborted'),
  )
  const own = transactions.flatMap(transaction =>
    transaction.polled.filter(({ value }) => log.writerOf(value) === transaction).map(({ value }) => value),
  )
  return [
    ...[...aborted].map(value => ({ kind: 'G1a (aborted read)' as const, what: `${value} was aborted` })),
    ...own.map(value => ({
      kind: 'G1b (a transaction reads what it has not committed)' as const,
      what: value,
    })),
  ]
}

function pollsAmiss({ polls }: History, log: Log): Anomaly[] {
  const anomalies: Anomaly[] = []
  const last = new Map<string, number>()
  for (const { reader, records } of polls) {
    for (const { partition, offset } of records) {
      const key = `${reader}/${partition}`
      const before = last.get(key) ?? -1
      if (offset <= before) {
        anomalies.push({ kind: 'non-monotonic poll', what: `${key}: ${offset} after ${before}` })
      }
      const skipped = log.between(partition, before, offset)
      if (skipped.length > 0)
        anomalies.push({ kind: 'poll skip', what: `${key}: ${skipped} before ${offset}` })
      last.set(key, offset)
    }
  }
  return anomalies
}

/** Transactions that have read of one another, in a circle. */
function circlesOfReads({ transactions }: History, log: Log): Anomaly[] {
  const readFrom = new Map(
    transactions.map(transaction => [
      transaction,
      new Set(
        transaction.polled
          .map(({ value }) => log.writerOf(value))
          .filter(writer => writer !== undefined && writer !== transaction),
      ),
    ]),
  )
  const state = new Map<Transaction, 'going' | 'done'>()
  const anomalies: Anomaly[] = []
  for (const start of transactions) {
    const path: { transaction: Transaction; next: Iterator<Transaction | undefined> }[] = []
    const enter = (transaction: Transaction) => {
      state.set(transaction, 'going')
      path.push({ transaction, next: readFrom.get(transaction)![Symbol.iterator]() })
    }
    if (!state.has(start)) enter(start)
    while (path.length > 0) {
      const { transaction, next } = path.at(-1)!
      const { value: writer, done } = next.next()
      if (done || !writer) {
        state.set(transaction, 'done')
        path.pop()
      } else if (!state.has(writer)) enter(writer)
      else if (state.get(writer) === 'going') {
        const circle = path.slice(path.findIndex(step => step.transaction === writer))
        const what = circle.map(({ transaction }) => transaction.sent.map(({ value }) => value).join('+'))
        anomalies.push({ kind: 'G1c (circle of reads)', what: what.join(' reads of ') })
      }
    }
  }
  return anomalies
}
