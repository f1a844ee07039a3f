import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type {
  EndedTransaction,
  InitializedProducer,
  PartitionResult,
  StagedBatches,
  TransactionBroker,
  TransactionName,
} from '../../../src/contract/transactions.ts'
import { type KafkaErrorName, TidemarkError } from '../../../src/core/errors.ts'
import { type Offset, toOffset } from '../../../src/core/numbers.ts'
import { stampProducer } from '../../../src/core/record/batch-header.ts'
import { ATTRIBUTES_AT, TRANSACTIONAL_BIT } from '../../../src/core/record/batch-layout.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { partitionKey } from '../../../src/core/topic/partition-id.ts'
import { FROM } from '../promises/fate.ts'
import { type Place, SEQUENCES } from '../promises/log.ts'
import type { Believed } from '../promises/transactions.ts'
import type { World } from '../world.ts'

/** How a client goes about it: as the product's own SDK, which numbers its transactions; or as Kafka's clients, step by step. */
export type ClientStyle = 'own' | 'kafka'

export interface ClientSettings {
  readonly transactionalId: string
  readonly style: ClientStyle
  readonly timeoutMs: number
  /** How many transactions it makes. */
  readonly transactions: number
  /** Whether its transactions have an offset of a group in them. */
  readonly commitsOffsets: boolean
  /** To which topics it writes. */
  readonly topics: readonly string[]
  readonly partitions: number
}

type Outcome<T> =
  | { readonly kind: 'done'; readonly answer: T }
  /** @param isSure whether no try of it can have been done, or can be done yet */
  | { readonly kind: 'refused'; readonly error: TidemarkError; readonly isSure: boolean }
  | { readonly kind: 'unknown' }

/** A batch of a transaction. */
interface Part extends Place {
  /** Of the topic that is meant, where that is said. */
  readonly topicId: string | undefined
  readonly values: readonly string[]
  readonly bytes: Uint8Array
}

/** Below what stands in an item, so that a few of them are more than it takes; above it; and nearly nothing. */
const VALUE_BYTES = [0, 0, 400, 3_000, 5_000]
const CLIENT_TIMEOUT_MS = 2_000
const TRIES_MAX = 14
/** In how many of its calls a request is lost, comes twice, or its answer is lost. */
const LOST_SHARE = 0.04
const TWICE_SHARE = 0.08
/** How late a request comes that comes twice. */
const TWICE_MS = [0, 5, 400, 4_000]
const FENCING: readonly KafkaErrorName[] = [
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]
/** After these a client aborts, and goes on under another epoch. */
const ABORTABLE: readonly KafkaErrorName[] = [
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'TRANSACTION_ABORTABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'FENCED_MEMBER_EPOCH',
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
]

/** Whose offsets a transaction commits, from where it has read on, and to where. */
export interface OffsetsToSend {
  readonly group: {
    readonly groupId: string
    readonly memberId?: string
    readonly instanceId?: string
    readonly generation?: number
  }
  readonly offsets: readonly {
    readonly topic: string
    readonly topicId: string
    readonly partition: number
    readonly generation?: number
    readonly from: number
    readonly to: number
  }[]
}

export type Ended = 'committed' | 'aborted' | 'unknown' | 'fenced'

/**
 * A transactional producer, which sends each request until it is answered, to any broker. It dies when it is told that another has
 * taken its place, or when it cannot find out what became of a commit.
 */
export class TransactionalClient {
  readonly settings: ClientSettings
  readonly #who: string
  readonly #world: World
  #producer: InitializedProducer | undefined
  #next = new Map<string, number>()
  #begin = 0
  /** What is under way of it, whether it waits for that or not, and must not be when it goes on. */
  readonly #underWay = new Set<Promise<unknown>>()
  isAlive = true

  constructor(settings: ClientSettings, world: World, who: string) {
    this.settings = settings
    this.#world = world
    this.#who = who
  }

  /** Takes the transactional id over. */
  async begin(): Promise<boolean> {
    return await this.#init()
  }

  /** Makes its transactions, one after the other, until it dies. */
  async live(): Promise<void> {
    if (!(await this.begin())) return
    const { random, clock } = this.#world
    for (let count = 0; count < this.settings.transactions && this.isAlive; count += 1) {
      await clock.sleep(random.integer(0, 600))
      const offsets =
        this.settings.commitsOffsets && random.fraction() < 0.7 ? await this.#readOn() : undefined
      if (random.fraction() < 0.08) {
        await this.#transact(offsets, 'left')
        this.isAlive = false
        return
      }
      await this.#transact(offsets, random.fraction() < 0.8 ? 'commit' : 'abort')
    }
  }

  /** One transaction with a committed offset in it, of whoever is a member of a group. */
  async process(offsets: OffsetsToSend): Promise<Ended> {
    return await this.#transact(offsets, 'commit')
  }

  async #init(): Promise<boolean> {
    const { transactionalId, timeoutMs } = this.settings
    const { promises, random } = this.#world
    const bumped = this.#producer && { producerId: this.#producer.producerId, epoch: this.#producer.epoch }
    const outcome = await this.#ask('init', broker =>
      broker.initProducer({ transactionalId, timeoutMs, ...bumped }),
    )
    if (outcome.kind !== 'done') {
      if (outcome.kind === 'refused' && !FENCING.includes(outcome.error.kafkaName)) throw outcome.error
      this.isAlive = false
      return false
    }
    this.#producer = outcome.answer
    this.#next = new Map()
    this.#begin = random.fraction() < 0.05 ? SEQUENCES - random.integer(1, 8) : 0
    promises.transactions.toldProducer(transactionalId, outcome.answer)
    return true
  }

  /** From where its group has read on, if that can be found out. */
  async #readOn(): Promise<OffsetsToSend | undefined> {
    const { transactionalId } = this.settings
    const { random, topics } = this.#world
    const groupId = `read by ${transactionalId}`
    const [topic] = this.settings.topics
    const partition = random.integer(0, this.settings.partitions - 1)
    const outcome = await this.#ask('look up offsets', broker =>
      broker.fetchOffsets({ groupId, topics: [topic!] }),
    )
    if (outcome.kind === 'refused' && outcome.error.kafkaName !== 'GROUP_ID_NOT_FOUND') throw outcome.error
    if (outcome.kind === 'unknown') return undefined
    const known = outcome.kind === 'done' ? outcome.answer : []
    const from = known.find(each => each.partition === partition)?.offset ?? 0
    const to = from + random.integer(1, 5)
    return {
      group: { groupId },
      offsets: [{ topic: topic!, topicId: topics.liveId(topic!)!, partition, from, to }],
    }
  }

  async #transact(sent: OffsetsToSend | undefined, end: 'commit' | 'abort' | 'left'): Promise<Ended> {
    const { transactionalId, style } = this.settings
    const { clock, random, log, promises } = this.#world
    // Kafka's protocol cannot tell a late request from one of the next transaction.
    if (style === 'kafka') await Promise.all(this.#underWay)
    const { producerId, epoch, number: last } = this.#producer!
    const number = last + 1
    const isNumbered = style === 'own' && this.#world.defect.clients?.sendNumbers !== false
    const name: TransactionName = { transactionalId, producerId, epoch, ...(isNumbered && { number }) }
    const { moment } = log
    const parts = this.#drawParts()
    const values = parts.flatMap(part => part.values)
    this.#note(
      `transaction ${number} of ${epoch}: ${parts.map(each => `${each.values} to ${each.topic}/${each.partition}`)}`,
    )
    const lastWithEnd = isNumbered && end === 'commit' ? random.integer(0, parts.length) : parts.length
    const early = parts.slice(0, lastWithEnd)
    const late = parts.slice(lastWithEnd)
    const offsetsLate = isNumbered && random.fraction() < 0.5
    let fault = style === 'kafka' ? await this.#addPartitions(name, parts) : undefined
    for (let from = 0; from < early.length && !fault; ) {
      const together = early.slice(from, from + random.integer(1, 3))
      from += together.length
      fault = await this.#stage(name, together)
      await this.#pause()
    }
    if (!fault && sent && !offsetsLate) fault = await this.#sendOffsets(name, sent)
    await this.#pause()
    if (end === 'left') {
      log.settled(values, 'unknown')
      return 'unknown'
    }
    if (fault === 'fenced') return this.#die(values, 'fenced')
    const commits = !fault && end === 'commit'
    const batches = commits ? late.map(toStaged) : []
    const offsets = commits && sent && offsetsLate ? [this.#groupOffsets(sent)] : []
    const outcome = await this.#ask(commits ? 'commit' : 'abort', broker =>
      broker.endTransaction({
        ...name,
        commit: commits,
        ...(batches.length > 0 && { batches: batches.map(copied) }),
        ...(offsets.length > 0 && { offsets }),
      }),
    )
    if (outcome.kind === 'unknown') return this.#die(values, 'unknown')
    if (outcome.kind === 'done') {
      this.#producer = { producerId, epoch, number: isNumbered || !commits ? number : outcome.answer.number }
      if (commits) {
        this.#committed(moment, parts, sent, outcome.answer)
        return 'committed'
      }
      promises.transactions.toldAborted(values)
      log.settled(values, 'no')
      if (fault || random.fraction() < 0.2) await this.#init()
      return 'aborted'
    }
    const { error, isSure } = outcome
    if (FENCING.includes(error.kafkaName)) {
      // It was not, and it never will be.
      if (isSure && error.written === 'no') {
        promises.transactions.toldAborted(values)
        log.settled(values, 'no')
      }
      return this.#die(values, 'fenced')
    }
    // Nothing had come of it that it could abort; something may come yet, under this epoch.
    const isNone = !commits && error.kafkaName === 'INVALID_TXN_STATE'
    const mayRestart = error.kafkaName === 'DUPLICATE_SEQUENCE_NUMBER' && this.#begin > 0
    if (!isNone && !(commits && (mayRestart || ABORTABLE.includes(error.kafkaName)))) throw error
    log.settled(values, 'unknown')
    if (commits) {
      const aborted = await this.#ask('abort', broker => broker.endTransaction({ ...name, commit: false }))
      if (aborted.kind === 'done') {
        promises.transactions.toldAborted(values)
        log.settled(values, 'no')
      }
    }
    await clock.sleep(random.integer(0, 100))
    await this.#init()
    return 'aborted'
  }

  #die(values: readonly string[], why: 'fenced' | 'unknown'): Ended {
    this.isAlive = false
    this.#world.log.unsettled(values)
    return why
  }

  #committed(
    moment: number,
    parts: readonly Part[],
    sent: OffsetsToSend | undefined,
    { partitions }: EndedTransaction,
  ): void {
    const { log, promises, topics } = this.#world
    const records = new Map<string, string[]>()
    const places = new Map<string, Place>()
    for (const { topic, partition, values } of parts) {
      const logs = topics.logsSince(moment, topic, partition)
      // Which of them it has come into, nobody is told; of a topic that somebody deletes it may have been an earlier one.
      if (logs.length !== 1 || topic !== this.settings.topics[0]) {
        log.settled(values, 'unknown')
        continue
      }
      const key = partitionKey(logs[0]!)
      places.set(key, { topic, partition })
      records.set(key, [...(records.get(key) ?? []), ...values])
    }
    const offsets = (sent?.offsets ?? []).map(({ topicId, partition, to }) => ({
      ...{ groupId: sent!.group.groupId, topicId, partition },
      offset: to,
    }))
    const believed: Believed = { records, offsets }
    promises.transactions.toldCommitted(this.settings.transactionalId, believed)
    this.#world.count('commits told')
    for (const [key, values] of records) {
      const { topic, partition } = places.get(key)!
      const told = partitions.filter(each => each.topic === topic && each.partition === partition)
      const [only] = told
      if (told.length === 1 && only!.records !== values.length) {
        this.#world.violated(`lost: ${topic}/${partition} was told to have ${only!.records} of ${values}`)
      }
      if (told.length === 1 && only!.baseOffset !== null) {
        log.acknowledge({ topic, partition }, moment, only!.baseOffset, values)
      } else log.unsettled(values)
    }
  }

  #drawParts(): Part[] {
    const { random, topics } = this.#world
    const { style } = this.settings
    // Whoever names a topic by its id has to know it.
    const known = this.settings.topics.filter(
      topic => style === 'kafka' || topics.liveId(topic) !== undefined,
    )
    const places = Array.from({ length: random.integer(1, 3) }, () => ({
      topic: random.pick(known),
      partition: random.integer(0, this.settings.partitions - 1),
    }))
    const batches = random.pick([1, 1, 1, 2, 2, 6, 6, 24])
    const valueBytes = random.pick(VALUE_BYTES)
    return Array.from({ length: Math.max(batches, places.length) }, (_, index) => {
      const place = places[index % places.length]!
      const topicId = style === 'own' ? topics.liveId(place.topic) : undefined
      return this.#drawPart({ ...place, topicId }, valueBytes)
    })
  }

  #drawPart(place: Place & { topicId: string | undefined }, valueBytes: number): Part {
    const world = this.#world
    const { producerId, epoch } = this.#producer!
    const values = Array.from({ length: world.random.integer(1, 3) }, () => world.drawValue())
    world.log.sent(place.topic, values)
    const key = `${place.topic}/${place.partition}/${place.topicId}`
    const baseSequence = this.#next.get(key) ?? this.#begin
    this.#next.set(key, (baseSequence + values.length) % SEQUENCES)
    const content = Buffer.alloc(valueBytes)
    const bytes = encodeBatch(
      values.map(value => ({ key: Buffer.from(value), value: content })),
      { nowMs: world.recordTimeMs },
    )
    bytes[ATTRIBUTES_AT + 1]! |= TRANSACTIONAL_BIT
    stampProducer(bytes, 0, { producerId, producerEpoch: epoch, baseSequence })
    return { ...place, values, bytes }
  }

  async #addPartitions(name: TransactionName, parts: readonly Part[]): Promise<Fault> {
    const keys = new Set(parts.map(({ topic, partition }) => `${topic}/${partition}`))
    const partitions = [...keys].map(key => {
      const [topic, partition] = key.split('/')
      return { topic: topic!, partition: Number(partition) }
    })
    const outcome = await this.#ask('add partitions', async broker =>
      checkResults(await broker.addPartitions({ ...name, partitions })),
    )
    return this.#faultOf(outcome)
  }

  async #stage(name: TransactionName, parts: readonly Part[]): Promise<Fault> {
    const adds = this.settings.style === 'own'
    const outcome = await this.#ask('stage', async broker =>
      checkResults(await broker.stage({ ...name, adds, batches: parts.map(toStaged).map(copied) })),
    )
    return this.#faultOf(outcome)
  }

  async #sendOffsets(name: TransactionName, sent: OffsetsToSend): Promise<Fault> {
    const isOwn = this.settings.style === 'own'
    const { groupId } = sent.group
    // Kafka's clients say first that there are some, which begins a transaction; what is late then begins none.
    const added = isOwn
      ? undefined
      : await this.#ask('add offsets', broker =>
          broker.commitTransactionOffsets({ ...name, groupId, offsets: [] }),
        )
    const fault = added && this.#faultOf(added)
    if (fault) return fault
    const request = { ...name, ...this.#groupOffsets(sent), ...(!isOwn && { begins: false }) }
    const outcome = await this.#ask('send offsets', async broker =>
      checkResults(await broker.commitTransactionOffsets(request)),
    )
    return this.#faultOf(outcome)
  }

  #groupOffsets({ group, offsets }: OffsetsToSend) {
    return {
      ...group,
      offsets: offsets.map(({ topic, topicId, partition, generation, from, to }) => ({
        ...{ topic, topicId, partition, metadata: `${FROM}${from}`, offset: toOffset(to) as Offset },
        ...(generation !== undefined && { generation }),
      })),
    }
  }

  #faultOf(outcome: Outcome<unknown>): Fault {
    if (outcome.kind === 'done') return undefined
    if (outcome.kind === 'unknown') return 'aborts'
    const { error } = outcome
    if (FENCING.includes(error.kafkaName)) return 'fenced'
    // What comes behind a batch that numbers do not suffice for begins anew.
    const mayRestart = error.kafkaName === 'DUPLICATE_SEQUENCE_NUMBER' && this.#begin > 0
    if (!mayRestart && !ABORTABLE.includes(error.kafkaName)) throw error
    return 'aborts'
  }

  /** Thinks, or for so long that its transaction is overdue. */
  async #pause(): Promise<void> {
    const { random, clock } = this.#world
    const { timeoutMs } = this.settings
    await clock.sleep(
      random.fraction() < 0.04 ? timeoutMs + random.integer(0, 3_000) : random.integer(0, 150),
    )
  }

  /** Asks until there is an answer that another try would not change. */
  async #ask<T>(what: string, call: (broker: Asked) => Promise<T>): Promise<Outcome<T>> {
    const { random, clock, promises } = this.#world
    let isSure = true
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const producer = this.#producer
      const isZombie = producer && promises.transactions.isReplaced(this.settings.transactionalId, producer)
      try {
        const answer = await this.#send(what, call, () => {
          isSure = false
        })
        if (answer !== undefined) {
          this.#note(`${what}: done`)
          if (isZombie && what !== 'look up offsets') {
            promises.transactions.toldZombie(this.settings.transactionalId, producer, what)
          }
          return { kind: 'done', answer }
        }
        isSure = false
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error
        this.#note(`${what}: ${error.kafkaName}, written: ${error.written}`)
        const isLasting = error.kafkaName.startsWith('UNKNOWN_TOPIC') && tries > 3
        if (!error.retriable || isLasting) return { kind: 'refused', error, isSure }
        if (error.written !== 'no') isSure = false
      }
      await clock.sleep(random.integer(10, random.pick([100, 500])))
    }
    return { kind: 'unknown' }
  }

  /** To some broker. Undefined: no answer came, whatever was done. */
  async #send<T>(
    what: string,
    call: (broker: Asked) => Promise<T>,
    onTwice: () => void,
  ): Promise<T | undefined> {
    const { random, clock, isFaulty } = this.#world
    const draw = isFaulty ? random.fraction() : 1
    if (draw < LOST_SHARE) {
      await clock.sleep(CLIENT_TIMEOUT_MS)
      return undefined
    }
    const answer = this.#callSome(what, call)
    const isTwice = draw < LOST_SHARE + TWICE_SHARE
    if (isTwice) {
      onTwice()
      this.#callTwice(what, call)
    }
    const givesUp = this.settings.style === 'own'
    const first = await (givesUp
      ? Promise.race([answer, clock.sleep(CLIENT_TIMEOUT_MS).then(() => undefined)])
      : answer)
    return draw > 1 - LOST_SHARE && isFaulty ? undefined : first
  }

  /** Something on the way repeats it, to another broker maybe; nobody hears the answer. */
  #callTwice<T>(what: string, call: (broker: Asked) => Promise<T>): void {
    const { random, clock, noteDefect } = this.#world
    const late = this.#mayBeLate(what) ? random.pick(TWICE_MS) : 0
    if (late === 0) void this.#callSome(what, call).catch(noteDefect)
    else void clock.sleep(late).then(() => this.#callSome(what, call).catch(noteDefect))
  }

  /** Whether it can be told from one of the next transaction: by its number, or by those of its records. */
  #mayBeLate(what: string): boolean {
    return this.settings.style === 'own' || what === 'stage'
  }

  async #callSome<T>(what: string, call: (broker: Asked) => Promise<T>): Promise<T | undefined> {
    const { broker, process } = this.#world.pickBroker()
    const answer = call(broker as Asked)
    answer.catch(this.#world.noteDefect)
    const first = Promise.race([answer, process.died.then(() => undefined)])
    const over = first.then(
      () => {},
      () => {},
    )
    if (!this.#mayBeLate(what)) this.#underWay.add(over)
    void over.then(() => this.#underWay.delete(over))
    return await first
  }

  #note(what: string): void {
    this.#world.history.note(this.#who, what)
  }
}

type Asked = LogBroker & TransactionBroker
/** What has become of a transaction under way: nothing, or it is to be aborted, or it is another's to do so. */
type Fault = undefined | 'aborts' | 'fenced'

/** @throws TidemarkError of the first that has one, one that is lasting before others */
function checkResults<T extends Pick<PartitionResult, 'error'>>(results: readonly T[]): readonly T[] {
  const all = results.flatMap(({ error }) => error ?? [])
  const errors = all.filter(({ kafkaName }) => kafkaName !== 'OPERATION_NOT_ATTEMPTED')
  const error = errors.find(({ retriable }) => !retriable) ?? errors[0]
  if (error) throw new TidemarkError(error.kafkaName as KafkaErrorName, error.message, 'unknown')
  return results
}

function toStaged({ topic, topicId, partition, bytes }: Part): StagedBatches {
  return { topic, ...(topicId !== undefined && { topicId }), partition, batches: bytes }
}

/** The bytes are the broker's once it has them, so each sending needs its own. */
function copied(staged: StagedBatches): StagedBatches {
  return { ...staged, batches: Uint8Array.from(staged.batches) }
}
