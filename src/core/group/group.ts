import type { Offset } from '../numbers.ts'
import type { ClassicGroup } from './classic/classic-group.ts'

export type AssignorName = 'range' | 'round-robin' | 'cooperative-sticky'

/**
 * A group's one mutable item. What it says in a steady state is all that a heartbeat reads: nobody reads all
 * members but the one heartbeat an interval that wins the right to look (`checkedMs`), and whoever works out a target.
 */
export interface Group {
  readonly groupId: string
  /** Of the target; 0 before there is one. It only grows. */
  readonly epoch: number
  /** Names the chunks of the target; '' before there is one. */
  readonly targetId: string
  readonly targetChunks: number
  readonly assignor: AssignorName
  /** How often somebody joined, left or changed a subscription; it only grows. */
  readonly marks: number
  /** What `marks` was when the members were read that the target is for. */
  readonly marksSeen: number
  /** What the topics and the members were like that the target is for: another digest, another target. */
  readonly topicsDigest: string
  /**
   * When somebody last looked for expired members and changed topics. In the future while somebody works out another
   * target: until then, others leave it to that one.
   */
  readonly checkedMs: number
  /** When its first target was worked out: partitions made since then hold nothing that is old to it. */
  readonly sinceMs?: number
  /** Where its members assign among themselves, as Kafka's classic protocol has it: then nothing of the above counts. */
  readonly classic?: ClassicGroup
}

export interface Member {
  /** The id it chose; of a static member: made of its instance id, so that it keeps what it has when it comes back. */
  readonly memberId: string
  /** The id it chose for this stay. Another one under the same instance id takes its place, and fences it. */
  readonly incarnation: string
  /** null unless it is static. */
  readonly instanceId: string | null
  readonly clientId: string
  /** Sorted, each once. */
  readonly topics: readonly string[]
  readonly topicPattern: string | null
  readonly assignor: AssignorName
  readonly sessionTimeoutMs: number
  readonly joinedMs: number
  /** By the clock of whichever broker it last spoke to. */
  readonly leaseUntilMs: number
  /** The last epoch in which it owned nothing beyond its share: a claim of its own beyond that was never told to it. */
  readonly settledEpoch: number
  /** Of a classic group: the address that it joined from. */
  readonly clientHost?: string
}

/** What each heartbeat of a member writes. */
export type Lease = Pick<Member, 'leaseUntilMs' | 'settledEpoch'>

/** Who owns a partition in a group, and up to where it has been consumed. One item, changed by conditional writes only. */
export interface Claim {
  readonly topicId: string
  readonly partition: number
  /** A member id; null while nobody owns it. */
  readonly owner: string | null
  /** Grows with every change of owner, so that whoever owned it before is refused. */
  readonly generation: number
  /** null before anything was committed. */
  readonly committed: CommittedOffset | null
  /** What a transaction commits once it is decided: until then nobody is told a committed offset. */
  readonly pending?: PendingOffset
  /** Where nobody has owned it since the group was made anew: the last generation in the group that was removed. */
  readonly lastGeneration?: number
}

export interface CommittedOffset {
  readonly offset: Offset
  readonly leaderEpoch: number
  readonly metadata: string
  readonly committedMs: number
  /** Where its owner counts commits: which one it is, under which generation. */
  readonly sequence?: number
  readonly underGeneration?: number
}

/** An offset that a transaction that is under way commits, if it commits. */
export interface PendingOffset {
  /** transactionIdOf in core/transaction/transaction.ts. */
  readonly transactionId: string
  /** Where to look what became of it. */
  readonly transactionalId: string
  /** New with every offset that becomes pending, 32 hexadecimal digits. */
  readonly version: string
  readonly offset: Offset
  readonly leaderEpoch: number
  readonly metadata: string
}

/** A topic as the assignors see it. */
export interface GroupTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: number
}

/** Partitions of one topic, ascending. */
export interface TopicShare {
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** Who is to own what: by member id. Members without partitions may be left out. */
export type Target = ReadonlyMap<string, readonly TopicShare[]>
