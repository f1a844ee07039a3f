import { assert, KiB } from './units.ts'

/** Group ids, member ids and instance ids: short enough to stand in an item's key. */
export const GROUP_ID_CHARACTERS_MAX = 249
export const MEMBER_ID_CHARACTERS_MAX = 249
export const CLIENT_ID_CHARACTERS_MAX = 249
/** Kafka's `offset.metadata.max.bytes`. */
export const COMMIT_METADATA_BYTES_MAX = 4 * KiB
/** What a member subscribes to, names and pattern together: its item stays small. */
export const SUBSCRIPTION_BYTES_MAX = 64 * KiB
/** A topic pattern, and what it grows to when its repetitions are written out: each name is held against all of it. */
export const TOPIC_PATTERN_CHARACTERS_MAX = 1_000
export const TOPIC_PATTERN_PLACES_MAX = 1_001
/** How long a member may be silent: Kafka's defaults for `group.consumer.session.timeout.ms`, and its bounds. */
export const SESSION_TIMEOUT_DEFAULT_MS = 45_000
export const SESSION_TIMEOUT_MS_MIN = 6_000
export const SESSION_TIMEOUT_MS_MAX = 1_800_000
/** How often a member says that it is there; more often where its session time-out is short. */
export const HEARTBEAT_INTERVAL_DEFAULT_MS = 3_000
/** The same where each heartbeat is paid for: a third of the usual session, and so late members hear that others have come. */
export const HEARTBEAT_PAID_INTERVAL_MS_MAX = 15_000
/** How soon a member asks again that still waits for partitions, or has some to give up. */
export const HEARTBEAT_UNSETTLED_INTERVAL_MS = 1_000
/** How long others leave it to whoever has begun to look at a group's members, before somebody begins anew. */
export const GROUP_LOOK_MS_MAX = 1_000
/** How long a member waits for a group's very first target before it looks for it again. */
export const GROUP_FIRST_TARGET_POLL_MS = 100
/** How long one call about a group insists, all its steps together. */
export const GROUP_CALL_DEADLINE_MS = 15_000
/**
 * How far the clocks of two brokers may be apart before a member can lose its partitions without being silent; and by how
 * much more a clock goes ahead than time passes that somebody has set.
 */
export const CLOCK_SKEW_MS_MAX = 5_000
/** Members whose leases one process watches: the ones that it saw last. */
export const LEASE_ITEMS_WATCHED_MAX = 10_000
/** What a trigger calls: an ARN has some two hundred. */
export const TRIGGER_TARGET_CHARACTERS_MAX = 2_048
/** One chunk of a target, of which every member in it reads the whole whenever the target changes. */
export const TARGET_CHUNK_BYTES_MAX = 100 * KiB
/** A chunk with a single member cannot be split. It stays below what an item can hold. */
export const TARGET_SHARE_BYTES_MAX = 380 * KiB
/** Chunks of one target: a thousand members with ten thousand partitions fit into one. */
export const TARGET_CHUNK_ITEMS_MAX = 256
/** Members of a group that assign among themselves: all of them stand in the group's item. */
export const CLASSIC_MEMBER_ITEMS_MAX = 1_000
/** Kafka's default for `group.initial.rebalance.delay.ms`: how long an empty group waits for more members. */
export const CLASSIC_INITIAL_DELAY_MS = 3_000
/** How often somebody who waits for other members looks for what other brokers have done; of its own it hears at once. */
export const CLASSIC_POLL_MS = 200
/** What stands of such a group in its item, of a table too: ids and protocols of all members. */
export const CLASSIC_GROUP_BYTES_MAX = 350 * KiB
/** What such a member joins with, and what it is assigned: Kafka keeps a whole group in one record of a megabyte. */
export const CLASSIC_MEMBER_BYTES_MAX = 4 * 1024 * KiB
/**
 * What all members of such a group join with, were it as much as the last one's: the leader is told all of it, and it is read for that.
 * Few members may bring much, and many little.
 */
export const CLASSIC_JOINED_BYTES_MAX = 16 * 1024 * KiB
/** One item of what such a member joins with, or is assigned. */
export const CLASSIC_PART_BYTES_MAX = 300 * KiB

assert(TARGET_CHUNK_BYTES_MAX <= TARGET_SHARE_BYTES_MAX, 'a member alone in its chunk has no less room')
assert(
  HEARTBEAT_INTERVAL_DEFAULT_MS * 2 <= SESSION_TIMEOUT_MS_MIN,
  'a member that loses one heartbeat does not lose its partitions',
)
assert(
  HEARTBEAT_PAID_INTERVAL_MS_MAX * 3 <= SESSION_TIMEOUT_DEFAULT_MS,
  'the same where heartbeats are paid for: it may lose two',
)
assert(
  CLOCK_SKEW_MS_MAX < SESSION_TIMEOUT_MS_MIN,
  'a lease that was just renewed has not run out by the clock of any other broker',
)
assert(
  GROUP_LOOK_MS_MAX <= HEARTBEAT_UNSETTLED_INTERVAL_MS,
  'who comes back after one that died while it looked can look itself',
)
assert(CLASSIC_MEMBER_BYTES_MAX <= CLASSIC_JOINED_BYTES_MAX, 'a member alone may bring as much as any')
assert(CLASSIC_POLL_MS < CLASSIC_INITIAL_DELAY_MS, 'who waits for members looks for them meanwhile')
assert(SESSION_TIMEOUT_DEFAULT_MS <= SESSION_TIMEOUT_MS_MAX, 'the default session time-out is allowed')
assert(
  TOPIC_PATTERN_CHARACTERS_MAX < TOPIC_PATTERN_PLACES_MAX,
  'a topic pattern of the largest length can be read where it repeats nothing by number',
)
