import type { AssignorName } from '../core/group/group.ts'
import type { Offset } from '../core/numbers.ts'
import type { CallOptions } from './broker.ts'

export type { AssignorName } from '../core/group/group.ts'

/**
 * Consumer groups, as Kafka's KIP-848 has them: a member says in each heartbeat what it subscribes to and what it has
 * let go, and is told what it owns. There is no coordinator: whichever broker is asked does what is to be done next,
 * by conditional writes. Every method rejects with a TidemarkError.
 */
export interface GroupBroker {
  /**
   * Joins a group (the first one, with memberEpoch 0), and stays in it. Must come every `heartbeatIntervalMs` of the
   * last answer; a member that is silent for its session time-out loses what it owns.
   * @throws UNKNOWN_MEMBER_ID (it was given up: join again, and own nothing), FENCED_INSTANCE_ID (another has taken
   *   the place of this static member), INVALID_GROUP_ID, INVALID_REQUEST, INCONSISTENT_GROUP_PROTOCOL (the group
   *   is a trigger's)
   */
  heartbeat(request: Heartbeat, call?: CallOptions): Promise<HeartbeatAnswer>

  /**
   * Leaves at once, and gives up all that the member owns. Leaving twice is no error. A static member that means to
   * come back just falls silent; with its `instanceId` it leaves for good.
   */
  leaveGroup(request: LeaveGroup, call?: CallOptions): Promise<void>

  /**
   * Commits offsets: each partition's is taken or refused by itself. With a member, only of partitions that it owns;
   * without one, only of partitions that nobody owns.
   * @throws INVALID_GROUP_ID, INVALID_REQUEST
   */
  commitOffsets(request: CommitOffsets, call?: CallOptions): Promise<CommittedPartition[]>

  /**
   * The committed offsets of a group, of all partitions or of those asked for; those without one are left out.
   * @throws UNSTABLE_OFFSET_COMMIT where a transaction that is open is to commit one, unless `tellsPending`: ask again
   */
  fetchOffsets(
    request: { groupId: string; topics?: readonly string[]; tellsPending?: boolean },
    call?: CallOptions,
  ): Promise<GroupOffset[]>

  /** Every group, in the order of their ids. */
  listGroups(call?: CallOptions): Promise<GroupSummary[]>

  /** @throws GROUP_ID_NOT_FOUND */
  describeGroup(groupId: string, call?: CallOptions): Promise<GroupDescription>

  /** Forgets a group without members or triggers, and its offsets. @throws GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP */
  deleteGroup(groupId: string, call?: CallOptions): Promise<void>
}

export interface Heartbeat {
  groupId: string
  /** Chosen by the member, for one stay in the group: a UUID. */
  memberId: string
  /** 0 to join; else the epoch of the last answer. */
  memberEpoch: number
  /** Of a static member: it comes back under another memberId within its session time-out, and nothing moves. */
  instanceId?: string
  clientId?: string
  /** Where it comes from, as a gateway sees it. */
  clientHost?: string
  /** What it subscribes to. In every heartbeat, so that a change is noticed. */
  topics?: readonly string[]
  /** Or every topic whose name this regular expression matches as a whole. */
  topicPattern?: string
  /** What this member would have the group use; the one that most members name wins. cooperative-sticky by default. */
  assignor?: AssignorName
  /** 45,000 ms by default, 6,000 at least, 1,800,000 at most, as in Kafka. */
  sessionTimeoutMs?: number
  /** What it owns at the moment, by the last answer, and has not let go. */
  owned: readonly OwnedPartition[]
  /** What it has let go since the last answer: finished with, and committed. */
  released?: readonly OwnedPartition[]
  /**
   * The epoch for which it was told `isSettled`: such a heartbeat costs one read and one write. Left out when a commit
   * was refused since, so that it is told anew what it owns.
   */
  settledEpoch?: number
}

export interface LeaveGroup {
  groupId: string
  memberId: string
  /** Of a static member. */
  instanceId?: string
}

export interface MemberName {
  groupId: string
  memberId: string
  /** Of a static member. */
  instanceId?: string | undefined
}

/** A member as its group's store has it. */
export interface FoundMember {
  /** Of the group's target. */
  memberEpoch: number
  topics: string[]
  topicPattern: string | null
  assignor: AssignorName
  /** What the store says that it owns, whether it was told or not. */
  owned: OwnedPartition[]
}

export interface OwnedPartition {
  topic: string
  topicId: string
  partition: number
  /** Grows with every owner that this partition has in this group: what fences those before. */
  generation: number
}

export interface HeartbeatAnswer {
  memberEpoch: number
  heartbeatIntervalMs: number
  /** All that the member owns now. What is in its `owned` and not here it must not deliver or commit any more. */
  assigned: AssignedPartition[]
  /** Of `assigned`: what it must finish, commit and release, since another is to have it. */
  toRelease: OwnedPartition[]
  /** Whether it owns all it is to own in this epoch, and nothing else. */
  isSettled: boolean
}

export interface AssignedPartition extends OwnedPartition {
  /**
   * Where to begin; null: nothing was ever committed. Only of partitions that the heartbeat did not say it owns: the
   * others are not looked up.
   */
  committedOffset: Offset | null
  /**
   * Whether it was made after the group had its first members, and nothing was committed: nothing of it is old, so it is
   * read from its first record on, wherever else reading begins at the end.
   */
  isNew?: boolean | undefined
}

export interface CommitOffsets {
  groupId: string
  /** Left out by consumers that assign partitions to themselves, and by tools. */
  memberId?: string
  /** Of a static member. */
  instanceId?: string
  offsets: readonly OffsetToCommit[]
}

export interface OffsetToCommit {
  topic: string
  /** Of the topic that is meant: one that was made anew under its name is another. */
  topicId?: string | undefined
  partition: number
  /** The next record to deliver. */
  offset: Offset
  /** With a member: the generation under which it owns the partition. */
  generation?: number
  /**
   * With a member: the number of this commit among all that it makes of the partition under this generation, from 1 on.
   * The one with the highest number counts, whatever its offset; one that comes late or twice changes nothing. In all of
   * its commits or in none.
   */
  sequence?: number
  /**
   * With a member that does not count them: whether it means to go back. Otherwise an offset below the committed one is
   * taken for a call that a later one has overtaken on its way, and changes nothing.
   */
  rewinds?: boolean
  /** At most 4,096 bytes. */
  metadata?: string
  leaderEpoch?: number
}

export interface CommittedPartition {
  topic: string
  partition: number
  /** null: it is committed. */
  error: null | {
    /** FENCED_MEMBER_EPOCH: another owns it by now. UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, UNKNOWN_MEMBER_ID, … */
    kafkaName: string
    message: string
    retriable: boolean
  }
}

export interface GroupOffset {
  topic: string
  partition: number
  offset: Offset
  metadata: string
  committedMs: number
  /** Of the record before, where whoever committed it knew it. */
  leaderEpoch?: number | undefined
  /**
   * A transaction that is open is to commit another one, so nobody may go on from this one: where it was asked for. Where nothing
   * is committed yet, the others say nothing.
   */
  isPending?: true | undefined
}

/** Kafka's states of a group, as far as they mean something here. Those of preparing and completing are of classic ones. */
export type GroupState =
  | 'Empty'
  | 'Assigning'
  | 'Reconciling'
  | 'PreparingRebalance'
  | 'CompletingRebalance'
  | 'Stable'

export interface GroupSummary {
  groupId: string
  state: GroupState
  members: number
  /** Of a group whose members assign among themselves, by Kafka's older protocol; all others are assigned to. */
  kind?: 'classic' | undefined
  /** What the members of a classic group are: `consumer`, `connect` or whatever they call it. Empty where nobody ever joined. */
  protocolType?: string | undefined
}

export interface GroupDescription extends GroupSummary {
  /** Of a classic group: its generation. */
  epoch: number
  /** Says nothing of a classic group. */
  assignor: AssignorName
  /** Of a classic group that is stable: what its members have agreed on. */
  protocolName?: string | undefined
  memberList: {
    memberId: string
    instanceId: string | null
    clientId: string
    /** Of a client of Kafka's protocol. */
    clientHost?: string | undefined
    topics: string[]
    topicPattern: string | null
    owned: { topic: string; partition: number }[]
    /** null: a trigger's, which has none. */
    leaseUntilMs: number | null
  }[]
  partitions: {
    topic: string
    partition: number
    memberId: string | null
    committedOffset: Offset | null
    startOffset: Offset
    endOffset: Offset
    /** Records between the committed offset and the end; from the start where nothing was committed. */
    lag: number
  }[]
}
