import { type Offset, toOffset } from '../../../src/core/numbers.ts'
import { checkBatch, decodeBatches, type LogRecord, NO_PRODUCER_ID } from '../../../src/core/record/index.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { World } from '../world.ts'
import type { TopicPromises } from './topics.ts'

/** How many sequence numbers there are before they begin anew. */
export const SEQUENCES = 2 ** 31

type Fate = 'pending' | 'acknowledged' | 'no' | 'unknown'

/** A partition of a topic, as those name it who write and read. */
export interface Place {
  readonly topic: string
  readonly partition: number
}

interface Sent {
  readonly topic: string
  fate: Fate
  /** Where it was acknowledged, if it is sure which log that was. */
  at?: { readonly log: string; readonly offset: Offset }
}

/**
 * What writers and readers were told, and what must hold of it: nothing acknowledged is lost, doubled or moved, nothing
 * is there that was said not to be, calls keep their order. Every value is sent once.
 */
export class LogPromises {
  readonly #topics: TopicPromises
  readonly #violated: (problem: string) => void
  readonly #sent = new Map<string, Sent>()
  readonly #observed = new Map<string, string>()
  readonly #deletedBefore = new Map<string, number>()
  readonly #askedTo = new Map<string, number>()
  readonly #highest = new Map<string, number>()
  acknowledged = 0
  unknown = 0
  records = 0

  constructor(topics: TopicPromises, violated: (problem: string) => void) {
    this.#topics = topics
    this.#violated = violated
  }

  /** Where a call begins, to be named again when its outcome is told. */
  get moment(): number {
    return this.#topics.moment
  }

  sent(topic: string, values: readonly string[]): void {
    for (const value of values) this.#sent.set(value, { topic, fate: 'pending' })
  }

  /** @param moment when the call began */
  acknowledge(place: Place, moment: number, baseOffset: Offset, values: readonly string[]): void {
    this.acknowledged += values.length
    const logs = this.#topics.logsSince(moment, place.topic, place.partition)
    if (logs.length === 0) {
      this.#violated(`void: "${values[0]}" is acknowledged, and ${nameOf(place)} had no log all the while`)
    }
    const log = sureOne(logs)
    for (const [index, value] of values.entries()) {
      const offset = toOffset(baseOffset + index)
      const sent = this.#sent.get(value)!
      sent.fate = 'acknowledged'
      if (log !== undefined) {
        sent.at = { log, offset }
        this.#observeIn(log, offset, value)
      }
    }
    this.#reach(place, baseOffset + values.length - 1)
  }

  settled(values: readonly string[], fate: 'no' | 'unknown'): void {
    for (const value of values) this.#sent.get(value)!.fate = fate
    if (fate === 'unknown') this.unknown += values.length
  }

  /** Nobody gets to know what became of these. */
  unsettled(values: readonly string[]): void {
    const open = values.filter(value => this.#sent.get(value)!.fate === 'pending')
    this.settled(open, 'unknown')
  }

  /** Calls of one writer to one broker, in the order in which they were made. */
  inOrder(place: Place, moment: number, offsets: readonly (Offset | undefined)[]): void {
    if (this.#topics.logsSince(moment, place.topic, place.partition).length > 1) return
    const known = offsets.filter(offset => offset !== undefined)
    const isSorted = known.every((offset, index) => index === 0 || offset > known[index - 1]!)
    if (!isSorted) this.#violated(`calls in order got offsets out of order: ${known.join(', ')}`)
  }

  /** Records were seen by a call that began at that moment. */
  observe(place: Place, moment: number, records: readonly LogRecord[]): void {
    const log = sureOne(this.#topics.logsSince(moment, place.topic, place.partition))
    for (const { offset, key } of records) {
      if (log !== undefined) this.#observeIn(log, offset, keyText(key))
      this.#reach(place, offset)
    }
  }

  #reach(place: Place, offset: number): void {
    this.#highest.set(nameOf(place), Math.max(this.highestOffset(place), offset))
  }

  highestOffset(place: Place): number {
    return this.#highest.get(nameOf(place)) ?? 0
  }

  /** Somebody asks for records to be deleted. */
  deleting(place: Place, before: Offset): void {
    this.#askedTo.set(nameOf(place), Math.max(this.askedTo(place), before))
  }

  /** Up to where somebody has ever asked that records be deleted, of any topic with this name. */
  readonly askedTo = (place: Place): number => this.#askedTo.get(nameOf(place)) ?? 0

  /** Somebody has asked for records to be deleted, whatever became of it. */
  deleted(place: Place, moment: number, before: Offset): void {
    for (const partition of this.#topics.logsSince(moment, place.topic, place.partition)) {
      const log = partitionKey(partition)
      this.#deletedBefore.set(log, Math.max(this.#deletedBefore.get(log) ?? 0, before))
    }
  }

  /** At rest: holds every log that is there, read whole, against everything promised about it. */
  async check(world: World): Promise<void> {
    const broker = world.openPlainBroker()
    const places = new Map<string, string>()
    for await (const { name, topicId, partitions } of world.store.topics.list()) {
      for (let partition = 0; partition < partitions; partition += 1) {
        const place = { topic: name, partition }
        const { offset: start } = await broker.offsetFor({ ...place, at: 'earliest' })
        const { offset: end } = await broker.offsetFor({ ...place, at: 'latest' })
        const log = new Map<Offset, string>()
        const sequences = new SequenceCheck(id => world.promises.transactions.isProducer(id))
        for (let offset = start!; offset < end!; ) {
          const { chunks, nextOffset } = await broker.fetch({ ...place, offset })
          if (nextOffset <= offset) throw new Error(`a fetch at offset ${offset} goes nowhere`)
          for (const chunk of chunks) {
            sequences.check(chunk)
            for (const record of decodeBatches(chunk)) {
              world.promises.settling.read(partitionKey({ topicId, partition }), record)
              log.set(record.offset, keyText(record.key))
            }
          }
          offset = nextOffset
        }
        this.records += log.size
        const id = { topicId, partition }
        this.#checkLog(world, id, start!, end!, log, places)
      }
    }
  }

  #checkLog(
    world: World,
    id: PartitionId,
    start: Offset,
    end: Offset,
    log: ReadonlyMap<Offset, string>,
    places: Map<string, string>,
  ): void {
    const key = partitionKey(id)
    const gone = Math.max(this.#deletedBefore.get(key) ?? 0, world.promises.expiry.expiredTo(key))
    if (start > gone) throw new Error(`the log starts at ${start}`)
    for (let offset = start; offset < end; offset = toOffset(offset + 1)) {
      const value = log.get(offset)
      const place = `${key}/${offset}`
      if (value === undefined) {
        if (world.promises.settling.lacks(key, offset)) continue
        throw new Error(`hole: nothing is at ${place}`)
      }
      const fate = this.#sent.get(value)?.fate
      // What no writer of records that are each sent once has sent is of no interest.
      if (!value.startsWith(VALUE_BEGIN)) continue
      if (places.has(value)) throw new Error(`doubled: "${value}" is at ${places.get(value)} and at ${place}`)
      places.set(value, place)
      this.#observeIn(key, offset, value)
      if (fate === undefined) throw new Error(`"${value}" was never sent`)
      if (fate === 'no') throw new Error(`"${value}" was said not to be written, but is at ${place}`)
    }
    for (const [value, { fate, at }] of this.#sent) {
      if (fate !== 'acknowledged' || at?.log !== key || at.offset < start) continue
      if (log.get(at.offset) !== value) throw new Error(`lost: "${value}" is not at ${key}/${at.offset}`)
    }
  }

  /** An offset, once told to anybody, names that record for ever. */
  #observeIn(log: string, offset: Offset, value: string): void {
    const place = `${log}/${offset}`
    const before = this.#observed.get(place)
    if (before !== undefined && before !== value) {
      this.#violated(`moved: ${place} was "${before}" and is "${value}" now`)
    }
    this.#observed.set(place, value)
  }
}

/** How the key of a record begins that is sent once. */
const VALUE_BEGIN = 'value '

/** What a record is known by. */
function keyText(key: Uint8Array | null): string {
  return key ? Buffer.from(key).toString() : ''
}

/** The log that a call has met; undefined: the topic was deleted meanwhile, and made again. */
function sureOne(logs: readonly PartitionId[]): string | undefined {
  const [log] = logs
  return logs.length === 1 && log ? partitionKey(log) : undefined
}

function nameOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`
}

/**
 * What a log has of idempotent producers must be without a gap, and no epoch may come after a higher one. Of transactional ones
 * what was aborted is missing.
 */
class SequenceCheck {
  readonly #isTransactional: (producerId: bigint) => boolean
  readonly #next = new Map<bigint, { readonly epoch: number; readonly sequence: number }>()

  constructor(isTransactional: (producerId: bigint) => boolean) {
    this.#isTransactional = isTransactional
  }

  check(batches: Uint8Array): void {
    for (let position = 0; position < batches.length; ) {
      const { producerId, producerEpoch, baseSequence, recordCount, sizeBytes } = checkBatch(
        batches,
        position,
      )
      position += sizeBytes
      if (producerId === NO_PRODUCER_ID) continue
      const before = this.#next.get(producerId)
      const mayLack = this.#isTransactional(producerId)
      const follows =
        !before ||
        (producerEpoch === before.epoch &&
          (baseSequence === before.sequence || (mayLack && baseSequence > before.sequence))) ||
        (producerEpoch > before.epoch && (baseSequence === 0 || mayLack))
      if (!follows) {
        const got = `epoch ${producerEpoch} and sequence ${baseSequence}`
        throw new Error(`${got} come after epoch ${before.epoch} up to sequence ${before.sequence}`)
      }
      this.#next.set(producerId, { epoch: producerEpoch, sequence: (baseSequence + recordCount) % SEQUENCES })
    }
  }
}
