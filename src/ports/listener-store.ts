import type { PartitionId } from '../core/topic/partition-id.ts'

/** Who was to be woken by a change of a partition, and is not armed there any more. */
export interface TakenListeners {
  /** The ids of their sockets. */
  readonly sockets: readonly string[]
  /** They are too many: they are to be told to poll, and the partition takes no more for a while. */
  readonly isCrowded: boolean
}

/** Times, in milliseconds since 1970. */
export interface ArmingTimes {
  readonly nowMs: number
  /** From then on nobody need be woken: the socket is gone. */
  readonly expiresMs: number
}

/**
 * Who is to be woken when something is appended, across processes: one arming for each partition and socket, used up by the first
 * change. Whoever is armed before an append is found by a `take` that begins after it. All methods can throw NotApplied,
 * OutcomeUnknown (do it again) and StoreFailed.
 */
export interface ListenerStore {
  /**
   * Durable before it resolves. May be repeated: a socket is armed once.
   * @returns where it is not armed, since too many are: those are to be polled
   */
  arm(socket: string, partitions: readonly PartitionId[], times: ArmingTimes): Promise<readonly PartitionId[]>

  /**
   * Disarms all that are armed at a partition. Each arming is given to exactly one caller, or to several where it is not known
   * whether an earlier one has got it: to be woken twice is no harm, and never is.
   */
  take(partition: PartitionId, nowMs: number): Promise<TakenListeners>

  /** What tickets are signed by: always the same, made by the first who asks. @param make 32 random bytes */
  key(make: () => Uint8Array): Promise<Uint8Array>

  /** The same, as long as nobody has made one: undefined, and no ticket can be out. */
  readKey(): Promise<Uint8Array | undefined>
}
