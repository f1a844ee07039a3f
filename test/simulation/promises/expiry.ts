import { countBytes } from '../../../src/core/log/entry.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { TOPICS_KEY } from '../../../src/core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import { readSettings, type TopicSettings } from '../../../src/core/topic/topic-config.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import type { AppendedRecords } from '../appended-records.ts'

const TOPIC_BEGIN = `${TOPICS_KEY}/`

/** The rules of a topic, and those of before that somebody may still act by, since no alteration of them is answered yet. */
interface Rules {
  readonly name: string
  standing: TopicSettings
  readonly earlier: TopicSettings[]
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
    readonly violated: (problem: string) => void
  }) {
    this.#clock = options.clock
    this.#appended = options.appended
    this.#skewMs = options.skewMs
    this.#askedTo = options.askedTo
    this.#violated = options.violated
  }

  /** Hears of every change of an item. */
  readonly changed = (key: string, _: Uint8Array | undefined, after: Uint8Array | undefined): void => {
    if (!key.startsWith(TOPIC_BEGIN) || !after) return
    const { topicId, name, configs, expires = false } = JSON.parse(Buffer.from(after).toString()) as TopicItem
    const standing = readSettings(configs, expires)
    const rules = this.#rules.get(topicId)
    if (!rules) this.#rules.set(topicId, { name, standing, earlier: [] })
    else if (JSON.stringify(rules.standing) !== JSON.stringify(standing)) {
      rules.earlier.push(rules.standing)
      rules.standing = standing
    }
  }

  /** Somebody was told that a topic has these configs now: nobody goes by earlier ones any more. */
  altered(topicId: string, configs: Readonly<Record<string, string>>): void {
    const rules = this.#rules.get(topicId)
    const standing = JSON.stringify(readSettings(configs, true))
    // Altered again meanwhile: by what is in between, and what is now.
    if (rules && JSON.stringify(rules.standing) === standing) rules.earlier.splice(0)
  }

  /** The settings that somebody may go by now. */
  readonly rulesOf = (topicId: string): readonly TopicSettings[] => {
    const rules = this.#rules.get(topicId)
    return rules ? [rules.standing, ...rules.earlier] : []
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
    if (to <= this.#askedTo({ topic: rules.name, partition: partition.partition })) return
    const isExpired = [rules.standing, ...rules.earlier].some(
      settings =>
        settings.isDeleted &&
        (this.#isOld(settings, log, before.startOffset, to) || this.#isTooMuch(settings, bytesLeft)),
    )
    if (!isExpired) {
      const { isDeleted, retentionMs, retentionBytes } = rules.standing
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
      if (record && record.timestampMs >= limitMs) return false
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
