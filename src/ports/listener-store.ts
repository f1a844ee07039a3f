import type { Offset } from '../core/numbers.ts'
import type { PartitionId } from '../core/topic/partition-id.ts'
import type { ArmedAt } from '../core/waking/armed-at.ts'

/** Who is to be woken by a change of a partition. */
export interface TakenListeners {
  /** The ids of their sockets. */
  readonly sockets: readonly string[]
  /** Those of them who stay armed, from `endOffset` on, each with the offset from which on he is told: where he was armed from. The others are armed there no more. */
  readonly staying?: ReadonlyMap<string, Offset> | undefined
  /** They are too many: they are to be told to poll, and the partition takes no more for a while. */
  readonly isCrowded: boolean
  /** What `readEnd` found; undefined: nothing, or it was not asked. */
  readonly endOffset?: Offset | undefined
}

/** Times, in milliseconds since 1970. */
export interface ArmingTimes {
  readonly nowMs: number
  /** From then on nobody need be woken: the socket is gone. */
  readonly expiresMs: number
}

/**
 * Who is to be woken when something is appended, across processes: one arming for each partition and socket. A
 * change that leaves the log's end beyond where it is armed from wakes. It is used up by that where it was armed, or woke, less than WAKE_PAUSE_MS ago, or has woken
 * ARMING_WAKES_MAX times; else it stays, from that end on. Whoever is armed before an append is found by a `take` that begins after it. All methods can throw NotApplied,
 * OutcomeUnknown (do it again) and StoreFailed.
 */
export interface ListenerStore {
  /**
   * Durable before it resolves. May be repeated: a socket is armed once, from where it was armed last.
   * @returns where it is not armed, since too many are: those are to be polled
   */
  arm(socket: string, partitions: readonly ArmedAt[], times: ArmingTimes): Promise<readonly PartitionId[]>

  /**
   * Disarms those at a partition that are armed from below the log's end, or moves them up to there; the others stay as they are. Each arming is given to exactly one caller for each end, or to several where it is not known
   * whether an earlier one has got it: to be woken twice is no harm, and never is.
   * @param readEnd how far the log is at this moment or a later one: asked where somebody is armed, and only there. Undefined, or left out: all
   * are disarmed
   */
  take(
    partition: PartitionId,
    nowMs: number,
    readEnd?: () => Promise<Offset | undefined>,
  ): Promise<TakenListeners>

  /** Its socket is gone: nobody need be told there. */
  disarm(socket: string, partitions: readonly PartitionId[]): Promise<void>

  /** What tickets are signed by: always the same, made by the first who asks. @param make 32 random bytes */
  key(make: () => Uint8Array): Promise<Uint8Array>

  /** The same, as long as nobody has made one: undefined, and no ticket can be out. */
  readKey(): Promise<Uint8Array | undefined>
}
