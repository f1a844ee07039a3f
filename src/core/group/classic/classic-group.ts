/**
 * A group as Kafka's classic protocol has it: members bring opaque metadata, one of them is the leader and assigns. What
 * follows is all that is decided in one step, and stands in the group's own item; metadata and assignments stand in items
 * of their own, leases with the members.
 */
export interface ClassicGroup {
  /** Random, and new with every change: what a change is conditional on. */
  readonly version: string
  /** Grows with every round that ends; 0 before the first one has. */
  readonly generation: number
  readonly phase: Phase
  /** What all members speak, such as `consumer` or `connect`; '' before there was a member. */
  readonly protocolType: string
  /** Which of the members' protocols this generation uses; null: none does. */
  readonly protocolName: string | null
  /** A member's id; null while there is none. */
  readonly leader: string | null
  /** Names this generation's assignments; null until the leader has sent them. */
  readonly assignmentId: string | null
  /** While members join, and afterwards while the leader assigns. */
  readonly barrier: Barrier | null
  /** In the order in which they came. */
  readonly members: readonly ClassicMember[]
  /** Ids that were given out and that nobody has joined with yet. */
  readonly pending: readonly PendingMember[]
}

/**
 * `empty`: there is no member. `joining`: a round is under way, and members are waited for. `syncing`: all are there, and
 * the leader assigns. `stable`: it has.
 */
export type Phase = 'empty' | 'joining' | 'syncing' | 'stable'

/** Until when members are waited for, by the wall clock of whoever began to. Passing it early or late does no harm. */
export interface Barrier {
  readonly sinceMs: number
  readonly untilMs: number
  /** Whether the group was empty: it is waited for others, although all who are there have joined. */
  readonly isInitial: boolean
}

export interface ClassicMember {
  readonly memberId: string
  /** null unless it is static. */
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** Names, the one that it likes best first. */
  readonly protocols: readonly string[]
  /** Where the metadata of all its protocols stands. */
  readonly metadata: MetadataPlace
  /** While members join: whether it has, in this round. */
  readonly hasJoined: boolean
  /** Under whose id its assignment of this generation stands: its own, or that of the process whose place it took. */
  readonly assignedAs: string
}

/** Names items that hold what a member has joined with. */
export interface MetadataPlace {
  /** Which generation it was when they were put: what is older and not named any more may be removed. */
  readonly generation: number
  /** 32 hexadecimal digits that follow from member and metadata: the same ones have the same id. */
  readonly id: string
}

export interface PendingMember {
  readonly memberId: string
  readonly untilMs: number
}

/** A group that nobody has joined yet. */
export function newClassicGroup(version: string): ClassicGroup {
  return {
    version,
    generation: 0,
    phase: 'empty',
    protocolType: '',
    protocolName: null,
    leader: null,
    assignmentId: null,
    barrier: null,
    members: [],
    pending: [],
  }
}
