import type {
  AssignedPartition,
  CommitOffsets,
  CommittedPartition,
  GroupBroker,
  GroupOffset,
  Heartbeat,
  HeartbeatAnswer,
  OwnedPartition,
} from '../../src/contract/groups.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { ScriptedBroker } from './scripted-broker.ts'

/** Short, so that a test is. */
const INTERVAL_MS = 3

/** A group whose answers a test can bend; what it is told, it keeps. */
export class ScriptedGroup extends ScriptedBroker implements GroupBroker {
  readonly beats: Heartbeat[] = []
  readonly commits: CommitOffsets[] = []
  readonly left: string[] = []
  /** What the next heartbeats are answered, by default. */
  answer: HeartbeatAnswer = answerOf([])
  /** Runs on each heartbeat; what it gives or throws is the answer. */
  onHeartbeat: (beat: Heartbeat) => Promise<HeartbeatAnswer> = async () => this.answer
  onCommit: (request: CommitOffsets) => Promise<CommittedPartition['error']> = async () => null

  heartbeat(request: Heartbeat): Promise<HeartbeatAnswer> {
    this.beats.push(structuredClone(request))
    return this.onHeartbeat(request)
  }

  async leaveGroup({ memberId }: { memberId: string }): Promise<void> {
    this.left.push(memberId)
  }

  async commitOffsets(request: CommitOffsets): Promise<CommittedPartition[]> {
    this.commits.push(structuredClone(request))
    const error = await this.onCommit(request)
    return request.offsets.map(({ topic, partition }) => ({ topic, partition, error }))
  }

  /** What was committed last in each partition, refused or not. */
  committed(): Record<number, number> {
    return Object.fromEntries(
      this.commits.flatMap(({ offsets }) => offsets.map(({ partition, offset }) => [partition, offset])),
    )
  }

  fetchOffsets = async (): Promise<GroupOffset[]> => {
    throw new Error('no test needs this')
  }
  listGroups = this.fetchOffsets as () => Promise<never>
  describeGroup = this.fetchOffsets as () => Promise<never>
  deleteGroup = this.fetchOffsets as () => Promise<never>
}

export function owned(partition: number, generation = 1): OwnedPartition {
  return { topic: 'tides', topicId: 'an id', partition, generation }
}

export function assigned(
  partition: number,
  committedOffset: number | null = null,
  generation = 1,
): AssignedPartition {
  return {
    ...owned(partition, generation),
    committedOffset: committedOffset === null ? null : toOffset(committedOffset),
  }
}

/** A settled member's answer, unless it is to release something. */
export function answerOf(partitions: AssignedPartition[], toRelease: OwnedPartition[] = []): HeartbeatAnswer {
  return {
    memberEpoch: 1,
    heartbeatIntervalMs: INTERVAL_MS,
    assigned: partitions,
    toRelease,
    isSettled: toRelease.length === 0,
  }
}
