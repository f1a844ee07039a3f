import type { TidemarkError } from '../core/errors.ts'
import type { CallOptions } from './broker.ts'
import type { CommittedPartition, FoundMember, MemberName } from './groups.ts'

export { MemberIdRequired } from '../core/group/classic/member-id-required.ts'

/**
 * Groups by Kafka's classic protocol: members bring metadata that nobody but they understand, wait for each other, and one of
 * them, the leader, assigns. A group is either of this kind or as `GroupBroker` has it; an empty one becomes what the next
 * member is. Any broker serves any call. Every method rejects with a TidemarkError, by Kafka's names.
 */
export interface ClassicGroupBroker {
  /**
   * Joins a group, or joins it anew, and resolves when all others have, too, or their time is up. May take as long as the
   * longest rebalance time-out of its members; `signal` ends that, and the member may come again.
   * @throws MemberIdRequired, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INCONSISTENT_GROUP_PROTOCOL (also where members are
   *   there that are not of this kind, or a trigger), INVALID_SESSION_TIMEOUT, GROUP_MAX_SIZE_REACHED, INVALID_GROUP_ID,
   *   INVALID_REQUEST, NOT_COORDINATOR (the signal, or the broker ends)
   */
  joinGroup(request: JoinGroup, call?: CallOptions): Promise<JoinedGroup>

  /**
   * Brings the leader's assignments, and tells this member's, once they are there.
   * @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, INCONSISTENT_GROUP_PROTOCOL,
   *   NOT_COORDINATOR
   */
  syncGroup(request: SyncGroup, call?: CallOptions): Promise<SyncedGroup>

  /**
   * Says that a member is there. A member that is silent for its session time-out is given up.
   * @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS (join anew)
   */
  heartbeatClassic(request: ClassicMemberName, call?: CallOptions): Promise<void>

  /** Takes members out, each by itself; static ones can be named by their instance ids alone. */
  leaveClassic(request: LeaveClassic, call?: CallOptions): Promise<LeftMember[]>

  /**
   * Commits offsets in the name of a member of the present generation, whichever partitions it was assigned; or of nobody
   * (generation -1, no member id) where the group has no members.
   * @throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, GROUP_ID_NOT_FOUND (a
   *   generation of a group that is not there), INVALID_GROUP_ID, INCONSISTENT_GROUP_PROTOCOL (of the other kind)
   */
  commitClassic(request: CommitClassic, call?: CallOptions): Promise<CommittedPartition[]>

  /** A classic group as it is, or one that nobody has ever joined; undefined: it is of the other kind. @throws GROUP_ID_NOT_FOUND */
  describeClassic(groupId: string, call?: CallOptions): Promise<ClassicGroupDescription | undefined>

  /**
   * Forgets what a group of either kind has committed: each partition by itself, GROUP_SUBSCRIBED_TO_TOPIC where members
   * subscribe to its topic.
   * @throws GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP (members that bring what only they understand), INVALID_GROUP_ID
   */
  deleteOffsets(request: DeleteOffsets, call?: CallOptions): Promise<CommittedPartition[]>

  /**
   * A member of a group of the other kind, for whoever speaks for it and does not know it yet: another gateway has, until now.
   * undefined: there is none. @throws INVALID_GROUP_ID, INVALID_REQUEST
   */
  findMember(name: MemberName, call?: CallOptions): Promise<FoundMember | undefined>
}

export interface DeleteOffsets {
  groupId: string
  partitions: readonly { topic: string; partition: number }[]
}

export interface JoinGroup {
  groupId: string
  /** '' at first; then as it was told. */
  memberId: string
  /** Of a static member. */
  instanceId?: string | undefined
  clientId: string
  clientHost: string
  /** 6,000 to 1,800,000 ms, as in Kafka. */
  sessionTimeoutMs: number
  /** How long the others wait for this one when a round has begun. */
  rebalanceTimeoutMs: number
  protocolType: string
  /** The one that it likes best first. */
  protocols: readonly ClassicProtocol[]
  /** Whether it comes again with the id that it is told, before it is a member. */
  requiresMemberId: boolean
  /** Whether it knows `skipAssignment`. */
  canSkipAssignment: boolean
}

export interface ClassicProtocol {
  name: string
  metadata: Uint8Array
}

export interface JoinedGroup {
  generation: number
  protocolType: string
  protocolName: string
  leader: string
  /** The leader must not assign: what the generation has is right. */
  skipAssignment: boolean
  memberId: string
  /** The leader is told all, with their metadata of this protocol; others nobody. */
  members: { memberId: string; instanceId: string | null; metadata: Uint8Array }[]
}

export interface SyncGroup extends ClassicMemberName {
  protocolType?: string | undefined
  protocolName?: string | undefined
  /** Of the leader; of others none. */
  assignments: readonly { memberId: string; assignment: Uint8Array }[]
}

export interface SyncedGroup {
  protocolType: string
  protocolName: string
  assignment: Uint8Array
}

export interface ClassicMemberName {
  groupId: string
  memberId: string
  instanceId?: string | undefined
  generation: number
}

export interface LeaveClassic {
  groupId: string
  members: readonly { memberId: string; instanceId?: string | undefined }[]
}

export interface LeftMember {
  memberId: string
  instanceId: string | undefined
  /** undefined: it is out. */
  error: TidemarkError | undefined
}

export interface CommitClassic extends ClassicMemberName {
  offsets: readonly {
    topic: string
    topicId?: string | undefined
    partition: number
    offset: number
    metadata?: string
    leaderEpoch?: number
  }[]
}

/** Kafka's states of such a group. */
export type ClassicState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

export interface ClassicGroupDescription {
  groupId: string
  state: ClassicState
  protocolType: string
  /** '' unless it is stable. */
  protocolName: string
  generation: number
  members: {
    memberId: string
    instanceId: string | null
    clientId: string
    clientHost: string
    /** Both are there in a stable group only. */
    metadata: Uint8Array
    assignment: Uint8Array
  }[]
}
