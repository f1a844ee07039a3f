import { RETRY_DEFAULT, type RetrySettings, withRetries } from '../client/retry.ts'
import type { Broker } from '../contract/broker.ts'
import type { AssignedPartition, GroupBroker, OwnedPartition } from '../contract/groups.ts'
import { TidemarkError } from '../core/errors.ts'
import type { Offset } from '../core/numbers.ts'
import type { FormatRecord } from './consumed-record.ts'
import { GroupMember, type MemberSettings } from './group-member.ts'
import { GroupOffsets, type Holding, type Refused } from './group-offsets.ts'
import { findStart } from './partition-cursor.ts'
import { listPartitions } from './partition-list.ts'
import { RECORD_READER_DEFAULT, RecordReader } from './record-reader.ts'
import type { StartPlace } from './start-place.ts'
import { note, type Terminal } from './terminal.ts'

export interface GroupConsumerSettings {
  member: MemberSettings
  /** Where to begin in a partition of which nothing was committed. */
  from: StartPlace
  /** By `endKey`: where each partition's reading ends. One that is missing has nothing to read. null: no end. */
  ends: ReadonlyMap<string, Offset> | null
  recordsMax: number | null
  format: FormatRecord
}

export interface GroupConsumerTuning {
  reader: typeof RECORD_READER_DEFAULT
  commitIntervalMs: number
  retry: RetrySettings
}

export const GROUP_CONSUMER_DEFAULT: GroupConsumerTuning = {
  reader: RECORD_READER_DEFAULT,
  // Kafka's auto.commit.interval.ms.
  commitIntervalMs: 5_000,
  retry: RETRY_DEFAULT,
}

/** What `ends` is told by. */
export function endKey(topic: string, partition: number): string {
  return `${partition} ${topic}`
}

/** Prints what falls to one member of a group, and commits what it has printed. */
export class GroupConsumer {
  readonly #broker: Broker & GroupBroker
  readonly #settings: GroupConsumerSettings
  readonly #terminal: Terminal
  readonly #tuning: GroupConsumerTuning
  readonly #member: GroupMember
  readonly #reader: RecordReader
  readonly #offsets: GroupOffsets
  readonly #holdings = new Map<string, Holding>()
  /** Owned, and not read yet: where to begin is being looked up. */
  readonly #starting = new Map<string, AssignedPartition>()
  readonly #releasing = new Set<Holding>()
  #told = ''

  constructor(
    broker: Broker & GroupBroker,
    settings: GroupConsumerSettings,
    terminal: Terminal,
    tuning: GroupConsumerTuning,
  ) {
    this.#broker = broker
    this.#settings = settings
    this.#terminal = terminal
    this.#tuning = tuning
    const { groupId, instanceId } = settings.member
    const group = instanceId === null ? { groupId } : { groupId, instanceId }
    this.#offsets = new GroupOffsets(broker, group, terminal)
    this.#member = new GroupMember(broker, settings.member, {
      assigned: partitions => this.#begin(partitions),
      toRelease: partitions => this.#inBackground(this.#release(partitions)),
      lost: partitions => this.#lose(partitions),
      beat: () => this.#afterBeat(),
      outage: error => this.#note(`${error.kafkaName}: ${error.message} Trying again.`),
    })
    this.#reader = new RecordReader(
      broker,
      {
        ...tuning.reader,
        recordsMax: settings.recordsMax,
        format: settings.format,
        partitionsComeAndGo: true,
        mayPrint: () => this.#member.leased(),
        onEnd: () => this.#stopAtEnd(),
      },
      terminal,
    )
  }

  /** Whether all that was asked for was printed. */
  get isComplete(): boolean {
    return this.#reader.isComplete || this.#isAtEnd
  }

  /** Runs until everything is printed, or the terminal ends it; then commits and leaves. */
  async run(): Promise<void> {
    const member = this.#member.run().catch(error => this.#reader.stop({ error }))
    const { commitIntervalMs } = this.#tuning
    const interval = setInterval(() => this.#inBackground(this.#commitAll()), commitIntervalMs)
    let failure: { error: unknown } | undefined
    try {
      await this.#reader.run(null)
    } catch (error) {
      failure = { error }
    }
    clearInterval(interval)
    try {
      await withRetries(() => this.#commitAll(), { ...this.#tuning.retry, isRepeatable: true })
    } catch (error) {
      // What ended the run is the better reason, where there is one.
      failure ??= { error }
    }
    this.#member.stop()
    await member
    try {
      await this.#member.leave()
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      this.#note(`it could not leave, so others have to wait for its session time-out: ${error.message}`)
    }
    if (failure) throw failure.error
  }

  #begin(partitions: AssignedPartition[]): void {
    // All before any: the first of them to be at its end is not the end of all.
    for (const partition of partitions) this.#starting.set(keyOf(partition), partition)
    for (const partition of partitions) {
      this.#start(partition).catch(error => this.#reader.stop({ error }))
    }
  }

  async #start(assigned: AssignedPartition): Promise<void> {
    const { committedOffset, ...owned } = assigned
    const { topic, partition, generation } = owned
    const offset = committedOffset ?? (await this.#findStart(assigned))
    // It may have been lost meanwhile, and even be owned again.
    if (this.#starting.get(keyOf(assigned)) !== assigned) return
    this.#starting.delete(keyOf(assigned))
    if (offset === null) return
    const { ends } = this.#settings
    const stopOffset = ends === null ? null : (ends.get(endKey(topic, partition)) ?? offset)
    const cursor = { topic, partition, generation, offset, stopOffset }
    this.#holdings.set(keyOf(assigned), { owned, cursor, committed: committedOffset })
    this.#reader.add(cursor)
    this.#stopAtEnd()
  }

  /** null: the partition was deleted. */
  async #findStart({ topic, partition }: AssignedPartition): Promise<Offset | null> {
    try {
      const { offset, note } = await withRetries(async () => {
        const { offsets } = await this.#broker.describeTopic(topic)
        const found = offsets.find(other => other.partition === partition)
        if (!found) throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', `${topic} has no ${partition}.`)
        return findStart(this.#broker, topic, found, this.#settings.from)
      }, this.#tuning.retry)
      if (note !== null) this.#note(`${topic}, ${note}`)
      return offset
    } catch (error) {
      if (error instanceof TidemarkError && error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION') return null
      throw error
    }
  }

  async #release(partitions: OwnedPartition[]): Promise<void> {
    const holdings: Holding[] = []
    for (const partition of partitions) {
      const holding = this.#holdings.get(keyOf(partition))
      if (this.#starting.delete(keyOf(partition)) || !holding) this.#member.release(partition)
      else if (!this.#releasing.has(holding)) holdings.push(holding)
    }
    const held = () => holdings.filter(holding => this.#holdings.get(keyOf(holding.owned)) === holding)
    for (const holding of holdings) this.#releasing.add(holding)
    try {
      await Promise.all(holdings.map(({ cursor }) => this.#reader.remove(cursor)))
      // In one call, so that they are given back with one heartbeat.
      await this.#commit(held)
      // Those that were refused are lost, and not there to be given back.
      for (const { owned } of held()) {
        this.#holdings.delete(keyOf(owned))
        this.#member.release(owned)
      }
    } catch (error) {
      // Until a heartbeat tells it again; by then the group may have changed its mind.
      for (const { cursor } of held()) this.#reader.add(cursor)
      throw error
    } finally {
      for (const holding of holdings) this.#releasing.delete(holding)
    }
  }

  #lose(partitions: OwnedPartition[]): void {
    for (const partition of partitions) {
      this.#starting.delete(keyOf(partition))
      const holding = this.#holdings.get(keyOf(partition))
      if (!holding) continue
      this.#holdings.delete(keyOf(partition))
      this.#inBackground(this.#reader.remove(holding.cursor))
    }
    if (partitions.length > 0) {
      this.#note(
        `lost ${listPartitions(partitions)}: what was printed and not committed may be printed again`,
      )
    }
  }

  #commitAll(): Promise<void> {
    return this.#commit(() => [...this.#holdings.values()])
  }

  async #commit(holdings: () => Holding[]): Promise<void> {
    const refused = await this.#offsets.commit(holdings, () => this.#member.memberId)
    for (const { holding, error } of refused) this.#handleRefusal(holding, error)
  }

  #handleRefusal(holding: Holding, error: Refused['error']): void {
    // It was lost while the commit was on its way.
    if (this.#holdings.get(keyOf(holding.owned)) !== holding) return
    // Retried with the next commit; and a member that was given up hears of it with a heartbeat, as does one whose topic is gone.
    if (error.kafkaName === 'FENCED_MEMBER_EPOCH') this.#member.giveUp(holding.owned)
    else if (error.kafkaName === 'UNKNOWN_MEMBER_ID') this.#member.heartbeatNow()
    else if (error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION') {
      this.#note(`commit of ${listPartitions([holding.owned])}: ${error.kafkaName}: ${error.message}`)
    }
  }

  #afterBeat(): void {
    const owned = [...this.#holdings.values()].map(holding => holding.owned)
    const text = listPartitions([...owned, ...this.#starting.values()])
    if (text !== this.#told) this.#note(`owns ${text || 'nothing'} (epoch ${this.#member.memberEpoch})`)
    this.#told = text
    this.#stopAtEnd()
  }

  get #isAtEnd(): boolean {
    return (
      this.#settings.ends !== null &&
      this.#member.isSettled &&
      this.#starting.size === 0 &&
      [...this.#holdings.values()].every(({ cursor }) => cursor.offset >= (cursor.stopOffset ?? 0))
    )
  }

  #stopAtEnd(): void {
    if (this.#isAtEnd) this.#reader.stop()
  }

  /** What goes on beside the reading, and ends it when it fails; unless another try can mend that. */
  #inBackground(work: Promise<void>): void {
    work.catch(error => {
      if (error instanceof TidemarkError && error.retriable) {
        this.#note(`${error.kafkaName}: ${error.message} Trying again.`)
      } else this.#reader.stop({ error })
    })
  }

  #note(text: string): void {
    note(this.#terminal, `group ${this.#settings.member.groupId}: ${text}`)
  }
}

function keyOf({ topicId, partition }: OwnedPartition): string {
  return `${topicId}/${partition}`
}
