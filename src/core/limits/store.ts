import { CLOSE_DEADLINE_MS, FLUSH_DEFAULT_MS, INLINE_BYTES_MAX, LAST_STEP_MS_MAX } from './log.ts'
import { SEGMENT_DEFAULT_BYTES } from './settling.ts'
import { assert, KiB, MiB } from './units.ts'

// A store in a directory.

/** How long a write waits for its turn among processes that all get on; then it is given up, and certain not to be made. */
export const STORE_TURN_MS_MAX = 4_000
/** How long nobody at all may get on with the index before it counts as held up: from then on nobody waits in the store. */
export const STORE_HELD_UP_MS = 1_000
/** How long a read waits for another process that recovers the index, without holding up anything else. */
export const STORE_READ_MS_MAX = 4_000
/** How long opening a store waits for another process that makes or recovers it. */
export const STORE_OPEN_MS_MAX = 10_000
/** How long a look at a store's health takes at most: what takes longer goes on, and the next look tells of it. */
export const STORE_LOOK_MS_MAX = 50
/** After a write that worked, for how long whoever asks whether writes can be served believes that they can. */
export const STORE_TRIED_MS = 10_000
/** How long calls under way go on trying what a store that is in trouble refuses, when the process is told to end. */
export const CLOSE_PATIENCE_MS = 3_000
/** Of the command line of a process that holds the index, how much is told. */
export const STORE_HOLDER_CHARACTERS_MAX = 120
/** What is written to try whether a disk takes anything. */
export const STORE_TRIAL_BYTES = 64 * KiB
/** Of a large object, what is written before the disk is waited for: whoever else syncs has so much to wait for at most. */
export const STORE_SYNC_BYTES = 8 * MiB
/** What must be free on the disk for what is written only to lie better: what is new goes first. */
export const STORE_ROOM_KEPT_BYTES = 512 * MiB
/** A file in which objects of commits and flushes lie is followed by another once it has so much. */
export const PACK_BYTES_MAX = 64 * MiB
/** Such files that a process writes to at the same time: while one is synced, the next is written. */
export const PACK_FILES_OPEN_MAX = 2
/** How often an object is written anew because another process has removed what it was written to. */
export const PACK_TRIES_MAX = 5
/** An object of a commit or a flush up to this size may be a row of the index's database for its first seconds. */
export const SMALL_OBJECT_BYTES_MAX = 64 * KiB
/** When it leaves: as long as inline records may be in the index alone, by default. */
export const SMALL_OBJECT_MS_MAX = FLUSH_DEFAULT_MS
/** When another process takes it for one that its own has left behind. */
export const SMALL_OBJECTS_LEFT_MS = 6 * SMALL_OBJECT_MS_MAX
/** Bytes of such rows; what comes while there are so many lies in a file at once: who writes that much gains nothing by writing it twice. */
export const SMALL_OBJECTS_BYTES_MAX = 16 * MiB
/** How long a store that is closed goes on having them leave. */
export const SMALL_OBJECTS_CLOSE_MS_MAX = 1_500
/** Bytes of heads of which a process remembers what they mean, which takes it some times as much memory. */
export const HEADS_REMEMBERED_BYTES_MAX = 2 * MiB
/** How often a process looks which of the objects that it has open others have removed. */
export const STORE_REMOVED_LOOK_MS = 30_000
/** Files that are removed at the same time. */
export const STORE_REMOVALS_MAX = 16

assert(
  STORE_TURN_MS_MAX < LAST_STEP_MS_MAX && STORE_READ_MS_MAX < LAST_STEP_MS_MAX,
  'a step in a directory ends by itself before it is given up: nobody leaves it behind to be made later',
)
assert(
  STORE_ROOM_KEPT_BYTES > SEGMENT_DEFAULT_BYTES,
  'a segment of the usual size does not take the last of the room',
)
assert(STORE_HELD_UP_MS < STORE_TURN_MS_MAX, 'who is held up is told so before its turn is over')
assert(
  CLOSE_PATIENCE_MS + CLOSE_DEADLINE_MS + SMALL_OBJECTS_CLOSE_MS_MAX < 10_000,
  'a process that is told to end does so before Docker kills it, 10 s later',
)
assert(SMALL_OBJECT_BYTES_MAX > INLINE_BYTES_MAX, 'there are objects that are small')
