import { countBytes } from '../../../src/core/log/entry.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { TOPICS_KEY } from '../../../src/core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import { readSettings, type TopicSettings } from '../../../src/core/topic/topic-config.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import type { AppendedRecords } from '../appended-records.ts'

const TOPIC_BEGIN = `${TOPICS_KEY}/`

/** The rules of a topic: the last ones hold, and those before by which somebody may still act, since no alteration is answered yet. */
interface Rules {
  readonly name: string
  readonly versions: TopicSettings[]
}

/**
 * What retention promises: a log's start moves only where somebody has asked for records to be deleted, or past records that have
 * expired by the topic's rules. Rules that were altered hold no more once the alteration is answered, whoever slept meanwhile.
 */
export class ExpiryPromises {
  readonly #clock: Clock
  readonly #appended: AppendedRecords
  /** How far ahead any clock may be. */
  readonly #skewMs: number
  readonly #askedTo: (place: { readonly topic: string; readonly partition: number }) => number
  /** Whether compaction has taken a record away. */
  readonly #lacks: (log: string, offset: number) => boolean
  readonly #violated: (problem: string) => void
  readonly #rules = new Map<string, Rules>()
  /** Up to where each log has expired so far. */
  readonly #expired = new Map<string, number>()
  expirations = 0

  constructor(options: {
    readonly clock: Clock
    readonly appended: AppendedRecords
    readonly skewMs: number
    readonly askedTo: (place: { readonly topic: string; readonly partition: number }) => number
    readonly lacks: (log: string, offset: number) => boolean
    readonly violated: (problem: string) => void
  }) {
    this.#clock = options.clock
    this.#appended = options.appended
    this.#skewMs = options.skewMs
    this.#askedTo = options.askedTo
    this.#lacks = options.lacks
    this.#violated = options.violated
  }

  /** Hears of every change of an item. */
  readonly changed = (key: string, _: Uint8Array | undefined, after: Uint8Array | undefined): void => {
    if (!key.startsWith(TOPIC_BEGIN) || !after) return
    const { topicId, name, configs, expires = false } = JSON.parse(Buffer.from(after).toString()) as TopicItem
    const settings = readSettings(configs, expires)
    const rules = this.#rules.get(topicId) ?? { name, versions: [] }
    this.#rules.set(topicId, rules)
    if (JSON.stringify(rules.versions.at(-1)) !== JSON.stringify(settings)) rules.versions.push(settings)
  }

  /** Somebody was told that a topic has the configs that he has set, these among them: nobody goes by earlier ones any more. */
  altered(topicId: string, isSet: (settings: TopicSettings) => boolean): void {
    const versions = this.#rules.get(topicId)?.versions ?? []
    const index = versions.findLastIndex(isSet)
    if (index > 0) versions.splice(0, index)
  }

  /** The settings that somebody may go by now. */
  readonly rulesOf = (topicId: string): readonly TopicSettings[] => {
    return this.#rules.get(topicId)?.versions ?? []
  }

  /** The start of a log has moved. */
  readonly startMoved = (partition: PartitionId, before: Head, head: Head): void => {
    const { topicId } = partition
    const log = partitionKey(partition)
    const bytesLeft = liveBytes(head)
    const rules = this.#rules.get(topicId)
    const to = head.startOffset
    if (!rules) {
      this.#violated(`expired: ${log} starts at ${to}, and is of no topic`)
      return
    }
    const isExpired = rules.versions.some(
      settings =>
        settings.isDeleted &&
        (this.#isOld(settings, log, before.startOffset, to) || this.#isTooMuch(settings, bytesLeft)),
    )
    if (!isExpired) {
      if (to <= this.#askedTo({ topic: rules.name, partition: partition.partition })) return
      const { isDeleted, retentionMs, retentionBytes } = rules.versions.at(-1)!
      const told = JSON.stringify({ isDeleted, retentionMs, retentionBytes })
      this.#violated(
        `expired: ${log} starts at ${to}, ${bytesLeft} bytes before its end, and goes by ${told}`,
      )
    }
    this.#expired.set(log, Math.max(to, this.expiredTo(log)))
    this.expirations += 1
  }

  /** Up to where a log has gone because it had expired. */
  expiredTo(log: string): number {
    return this.#expired.get(log) ?? 0
  }

  #isOld({ retentionMs }: TopicSettings, log: string, from: number, to: number): boolean {
    if (retentionMs < 0) return false
    const limitMs = this.#clock.nowMs() + this.#skewMs - retentionMs
    for (let offset = from; offset < to; offset += 1) {
      const record = this.#appended.recordAt(log, offset)
      if (record && record.timestampMs >= limitMs && !this.#lacks(log, offset)) return false
    }
    return true
  }

  #isTooMuch({ retentionBytes }: TopicSettings, bytesLeft: number): boolean {
    return retentionBytes >= 0 && bytesLeft >= retentionBytes
  }
}

function liveBytes({ settled, flushed, tail }: Head): number {
  return settled.bytes + flushed.bytes - settled.loggedBytes + countBytes(tail)
}
