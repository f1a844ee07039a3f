import { TidemarkError } from '../../core/errors.ts'
import type { Claim, Group, Member } from '../../core/group/group.ts'
import { canTakeOver, isExpired } from '../../core/group/session.ts'
import { GROUP_CALL_DEADLINE_MS } from '../../core/limits.ts'
import type { GroupStore } from '../../ports/group-store.ts'
import type { Ports } from '../../ports/index.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { retryUntil, WrittenByCall, type WrittenSoFar } from '../store-calls/retry.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { LeaseWatch } from './lease-watch.ts'

const PARALLEL_MAX = 16

/** One call about one group: what it works with, and until when. */
export class GroupCall {
  readonly ports: Ports
  readonly directory: TopicDirectory
  readonly groupId: string
  /** What this process has seen of members' leases. */
  readonly leases: LeaseWatch
  /** What members let pass between two heartbeats, at most. */
  readonly heartbeatMsMax: number | undefined
  readonly #deadlineMs: number
  readonly #written = new WrittenByCall()

  constructor(
    ports: Ports,
    directory: TopicDirectory,
    groupId: string,
    leases: LeaseWatch = new LeaseWatch(ports.clock),
    heartbeatMsMax?: number,
  ) {
    this.ports = ports
    this.directory = directory
    this.groupId = groupId
    this.leases = leases
    this.heartbeatMsMax = heartbeatMsMax
    leases.noteTime()
    this.#deadlineMs = ports.clock.monotonicMs() + GROUP_CALL_DEADLINE_MS
  }

  /** How often somebody looks at all members: where heartbeats are paid for, with every second one of a member that is alone. */
  lookMs(heartbeatMs: number): number {
    return this.heartbeatMsMax === undefined ? heartbeatMs : 2 * heartbeatMs
  }

  get groups(): GroupStore {
    return this.ports.groups
  }

  nowMs(): number {
    return this.ports.clock.nowMs()
  }

  /** Whether a member that was read just now was silent for too long. */
  isExpired(member: Member, groupId = this.groupId): boolean {
    return isExpired(member, this.nowMs(), this.leases.see(groupId, member))
  }

  /** Whether a partition may be taken from its owner, which was read just now. */
  canTakeOver(claim: Claim, owner: Member | undefined, epoch: number): boolean {
    return canTakeOver(claim, owner, epoch, this.nowMs(), owner && this.leases.see(this.groupId, owner))
  }

  read<T>(step: () => Promise<T>): Promise<T> {
    return this.#settle({ written: this.#written.written }, step)
  }

  /** @param step may be repeated, whatever became of it; it is told whether an earlier try may have done something */
  write<T>(step: (isUnsure: boolean) => Promise<T>): Promise<T> {
    return this.#settle(this.#written, step)
  }

  /** Reads a listing anew where it breaks off. */
  readAll<T>(list: () => AsyncIterable<T>): Promise<T[]> {
    return this.read(async () => {
      const items: T[] = []
      for await (const item of list()) items.push(item)
      return items
    })
  }

  /** Does something for each item, a few at a time; results in order. */
  forEach<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
    return fewAtATime(items, PARALLEL_MAX, work)
  }

  async #settle<T>(written: WrittenSoFar, step: (isUnsure: boolean) => Promise<T>): Promise<T> {
    // A process that was asleep meanwhile does not go on with what its caller has given up and followed up on.
    return await retryUntil(this.ports, this.#deadlineMs, written, step)
  }
}

/** The call's group as it is now. */
export function readGroup(call: GroupCall): Promise<Group | undefined> {
  return call.read(() => call.groups.readGroup(call.groupId))
}

export function unknownMember(memberId: string): TidemarkError {
  return new TidemarkError(
    'UNKNOWN_MEMBER_ID',
    `The group has no member ${JSON.stringify(memberId)}: it was silent for too long, or has left. Join again.`,
  )
}

export function fencedInstance(instanceId: string): TidemarkError {
  return new TidemarkError(
    'FENCED_INSTANCE_ID',
    `Another process has joined as the instance ${JSON.stringify(instanceId)}, and has taken its place.`,
  )
}

export function unknownGroup(groupId: string): TidemarkError {
  return new TidemarkError('GROUP_ID_NOT_FOUND', `There is no group ${JSON.stringify(groupId)}.`)
}
