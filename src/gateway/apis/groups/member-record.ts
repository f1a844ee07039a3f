import type { AssignorName, FoundMember, HeartbeatAnswer, OwnedPartition } from '../../../contract/groups.ts'
import { SESSION_TIMEOUT_DEFAULT_MS } from '../../../core/limits.ts'
import { groupBy } from '../../../core/since-node-22.ts'

/**
 * What a gateway remembers of a member that speaks KIP-848: that protocol sends only what has changed, and knows nothing of
 * generations. Another gateway that takes over finds most of it in the store; what it cannot find it takes for granted, and tells
 * the member all that it is assigned.
 */
export interface MemberRecord {
  readonly memberEpoch: number
  /** The one before: a commit under it may have been on its way. */
  readonly previousEpoch: number
  readonly topics: readonly string[]
  readonly topicPattern: string | null
  readonly assignor: AssignorName
  /** All that is the member's by the store, be it told or not. */
  readonly owned: readonly OwnedPartition[]
  /** What it has said to have, by topic id and partition; undefined: nobody knows. */
  readonly reported: ReadonlySet<string> | undefined
  /** The same, where it has said so since it was told what it was told last, or together with asking for that. */
  readonly confirmed: ReadonlySet<string> | undefined
  /** What it was told to have. */
  readonly told: ReadonlySet<string> | undefined
  /** The epoch in which it owns its share and nothing else; 0: in none. */
  readonly settledEpoch: number
  /** How long others wait for what it is to let go. */
  readonly rebalanceTimeoutMs: number
  /** Since when it has something to let go that it was told of, by the monotonic clock; undefined: it has nothing. */
  readonly releasingSinceMs: number | undefined
}

/** Partitions of one topic, as the protocol tells them. */
export interface TopicPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

export function keyOf({ topicId, partition }: { topicId: string; partition: number }): string {
  return `${topicId}/${partition}`
}

/** What another gateway has known, as far as the store knows it. */
export function recordOf({ memberEpoch, ...found }: FoundMember): MemberRecord {
  return {
    ...found,
    memberEpoch,
    previousEpoch: memberEpoch,
    reported: undefined,
    confirmed: undefined,
    told: undefined,
    settledEpoch: 0,
    rebalanceTimeoutMs: SESSION_TIMEOUT_DEFAULT_MS,
    releasingSinceMs: undefined,
  }
}

/** Whoever joins anew has nothing yet. */
export function newRecord(
  subscription: Pick<MemberRecord, 'topics' | 'topicPattern' | 'assignor'>,
  rebalanceTimeoutMs: number,
): MemberRecord {
  return {
    ...subscription,
    memberEpoch: 0,
    previousEpoch: 0,
    owned: [],
    reported: new Set(),
    confirmed: new Set(),
    told: undefined,
    settledEpoch: 0,
    rebalanceTimeoutMs,
    releasingSinceMs: undefined,
  }
}

/** The record with what a member says that it has; null: the same as before. */
export function withReport(record: MemberRecord, report: readonly TopicPartitions[] | null): MemberRecord {
  if (report === null) return record
  const reported = new Set(
    report.flatMap(({ topicId, partitions }) => partitions.map(partition => keyOf({ topicId, partition }))),
  )
  return { ...record, reported, confirmed: reported }
}

/**
 * What of its own a member still has, and what it has let go: what it was told to let go, and does not say to have. All else that
 * it does not say to have it was assigned just now, or the answer was lost, and it will be told again. What it has said before counts
 * for nothing here: it may have taken more since, and have told another gateway so.
 */
export function splitOwned({ owned, confirmed, told }: MemberRecord): {
  readonly kept: readonly OwnedPartition[]
  readonly released: readonly OwnedPartition[]
} {
  const isReleased = (partition: OwnedPartition) => {
    const key = keyOf(partition)
    return confirmed !== undefined && told !== undefined && !told.has(key) && !confirmed.has(key)
  }
  return { kept: owned.filter(partition => !isReleased(partition)), released: owned.filter(isReleased) }
}

/**
 * Whether a member has not let go of something in time: it is stuck, or it let it go when another gateway was told, and will not say so
 * again.
 */
export function isStuck({ releasingSinceMs, rebalanceTimeoutMs }: MemberRecord, nowMs: number): boolean {
  return releasingSinceMs !== undefined && nowMs - releasingSinceMs > rebalanceTimeoutMs
}

/**
 * The record after a heartbeat, and what the member is told to have; null: the same as before. Who has said last to have something
 * else has not heard, or not let go yet: that one is told once more.
 * @param hasReported whether it has said just now what it has
 */
export function answered(
  record: MemberRecord,
  { memberEpoch, assigned, toRelease, isSettled }: HeartbeatAnswer,
  nowMs: number,
  hasReported: boolean,
): { readonly record: MemberRecord; readonly assignment: TopicPartitions[] | null } {
  const release = new Set(toRelease.map(keyOf))
  const told = assigned.filter(partition => !release.has(keyOf(partition)))
  const keys = new Set(told.map(keyOf))
  const { reported } = record
  const isKnown = isSame(record.told, keys) && (reported === undefined || isSame(reported, keys))
  const next: MemberRecord = {
    ...record,
    memberEpoch,
    previousEpoch: memberEpoch === record.memberEpoch ? record.previousEpoch : record.memberEpoch,
    owned: assigned.map(({ topic, topicId, partition, generation }) => ({
      topic,
      topicId,
      partition,
      generation,
    })),
    confirmed: hasReported || isSame(record.told, keys) ? record.confirmed : undefined,
    told: keys,
    settledEpoch: isSettled ? memberEpoch : 0,
    releasingSinceMs: release.size === 0 ? undefined : (record.releasingSinceMs ?? nowMs),
  }
  return { record: next, assignment: isKnown ? null : byTopic(told) }
}

/** Partitions by their topics, as the protocol tells them. */
function byTopic(
  partitions: readonly { topicId: string; partition: number }[],
): { topicId: string; partitions: number[] }[] {
  const byId = groupBy(partitions, ({ topicId }) => topicId)
  return Array.from(byId, ([topicId, all]) => ({
    topicId,
    partitions: all.map(({ partition }) => partition).sort((one, other) => one - other),
  }))
}

function isSame(one: ReadonlySet<string> | undefined, other: ReadonlySet<string>): boolean {
  return one?.size === other.size && [...one].every(key => other.has(key))
}
