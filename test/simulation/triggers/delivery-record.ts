import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { Trigger } from '../../../src/core/trigger/trigger.ts'
import type { GivenUp } from '../../../src/ports/failure-destinations.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'

/** By when every deliverer has seen that a trigger was paused: the steps before a call, each as slow as can be. */
export const PAUSE_SEEN_MS = 30_000

/** A record that was appended. */
export interface Appended {
  readonly offset: number
  readonly isPoison: boolean
  /** Whether the filter of those triggers that have one passes it. */
  readonly isKept: boolean
}

/** What happened to one partition in one group. */
class Course {
  readonly trigger: Trigger
  /** Succeeded or told of, ever. */
  readonly dealt = new Set<number>()
  /** The same since the group was last moved back. */
  dealtSinceReset = new Set<number>()
  readonly failedCalls = new Map<number, number>()
  committed = 0
  resets = 0

  constructor(trigger: Trigger) {
    this.trigger = trigger
  }
}

/**
 * What a run’s triggers promise of each partition: a batch is called only once everything before it has succeeded or
 * was told of; what is committed has succeeded or was told of; no commit moves back but by a reset; one batch at most is
 * dealt with and not committed, which is what a crash repeats; nothing is given up that has not failed as often as it
 * may; and what is paused is not called.
 */
export class DeliveryRecord {
  readonly #appended = new Map<string, Appended[]>()
  readonly #courses = new Map<string, Course>()
  readonly #pausedSinceMs = new Map<string, number>()
  /** The first promise that was broken. */
  violation: Error | undefined
  calls = 0
  repeats = 0
  told = 0
  commits = 0
  resets = 0

  appended(partition: PartitionId, records: readonly Appended[]): void {
    const key = partitionKey(partition)
    this.#appended.set(key, [...(this.#appended.get(key) ?? []), ...records])
  }

  /** Starts to watch a trigger on these partitions. */
  watchTrigger(trigger: Trigger, partitions: readonly PartitionId[]): void {
    for (const partition of partitions) {
      this.#courses.set(courseKey(trigger.groupId, partition), new Course(trigger))
    }
  }

  /** The store, with every commit held against what it promises. */
  watchCommits(store: GroupStore): GroupStore {
    const commit: GroupStore['commit'] = async (groupId, partition, committed, by, seenMs) => {
      const result = await store.commit(groupId, partition, committed, by, seenMs)
      if (result.held) this.#committed(groupId, partition, committed.offset, by === 'unowned')
      return result
    }
    return new Proxy(store, {
      get(_, name) {
        if (name === 'commit') return commit
        const value = Reflect.get(store, name, store)
        return typeof value === 'function' ? value.bind(store) : value
      },
    })
  }

  /** A trigger is paused since then. */
  paused(groupId: string, sinceMs: number): void {
    this.#pausedSinceMs.set(groupId, sinceMs)
  }

  /** A function begins with a batch. */
  called(groupId: string, partition: PartitionId, offsets: readonly number[], nowMs: number): void {
    const course = this.#course(groupId, partition)
    if (nowMs > (this.#pausedSinceMs.get(groupId) ?? Number.POSITIVE_INFINITY) + PAUSE_SEEN_MS) {
      this.#violated(`paused: ${offsets} of ${courseKey(groupId, partition)} was called`)
    }
    this.calls += 1
    this.repeats += offsets.filter(offset => course.dealt.has(offset)).length
    const missing = this.#firstMissing(course, partition, offsets[0]!, course.dealt)
    if (missing !== undefined) {
      this.#violated(
        `order: ${offsets} of ${courseKey(groupId, partition)} was called before ${missing} was dealt with`,
      )
    }
    const passing = new Set(this.#passing(course, partition).map(({ offset }) => offset))
    const alien = offsets.find(offset => !passing.has(offset))
    if (alien !== undefined) this.#violated(`filter: ${alien} of ${courseKey(groupId, partition)} was called`)
  }

  succeeded(groupId: string, partition: PartitionId, offsets: readonly number[]): void {
    this.#dealtWith(this.#course(groupId, partition), offsets)
  }

  failed(groupId: string, partition: PartitionId, offsets: readonly number[]): void {
    const { failedCalls } = this.#course(groupId, partition)
    for (const offset of offsets) failedCalls.set(offset, (failedCalls.get(offset) ?? 0) + 1)
  }

  toldOf({ trigger, partition, records, report }: GivenUp): void {
    const course = this.#course(trigger.groupId, partition)
    const offsets = records.map(({ offset }) => offset as number)
    this.told += records.length
    const { retryAttempts } = trigger.settings
    const isTired = offsets.every(offset => (course.failedCalls.get(offset) ?? 0) > retryAttempts!)
    if (report.includes('RetryAttemptsExhausted') && !isTired) {
      this.#violated(`too early: ${offsets} of ${courseKey(trigger.groupId, partition)} was given up`)
    }
    this.#dealtWith(course, offsets)
  }

  /** What a group has not dealt with in a partition; undefined: it has caught up. */
  findBehind(groupId: string, partition: PartitionId): string | undefined {
    const course = this.#course(groupId, partition)
    const end = this.#appended.get(partitionKey(partition))?.length ?? 0
    const missing = this.#firstMissing(course, partition, end, course.dealtSinceReset)
    const key = courseKey(groupId, partition)
    if (missing !== undefined) return `${key} has not dealt with ${missing}`
    return course.committed === end ? undefined : `${key} is at ${course.committed} of ${end}`
  }

  hasPoison(partition: PartitionId): boolean {
    return (this.#appended.get(partitionKey(partition)) ?? []).some(({ isPoison }) => isPoison)
  }

  committedOf(groupId: string, partition: PartitionId): number {
    return this.#course(groupId, partition).committed
  }

  #committed(groupId: string, partition: PartitionId, offset: number, isReset: boolean): void {
    const course = this.#course(groupId, partition)
    const key = courseKey(groupId, partition)
    this.commits += 1
    if (isReset) {
      this.resets += 1
      course.resets += 1
      course.dealtSinceReset = new Set([...course.dealtSinceReset].filter(each => each < offset))
      course.committed = offset
      return
    }
    if (offset < course.committed) this.#violated(`back: ${key} went from ${course.committed} to ${offset}`)
    const missing = this.#firstMissing(course, partition, offset, course.dealtSinceReset)
    if (missing !== undefined) this.#violated(`lost: ${key} was committed at ${offset} without ${missing}`)
    course.committed = Math.max(course.committed, offset)
  }

  #dealtWith(course: Course, offsets: readonly number[]): void {
    for (const offset of offsets) {
      course.dealt.add(offset)
      course.dealtSinceReset.add(offset)
    }
    const late = [...course.dealtSinceReset].filter(offset => offset >= course.committed)
    // A deliverer that was at work when the group was moved back may have one more batch.
    if (late.length > course.trigger.settings.batchSize * (1 + course.resets)) {
      this.#violated(`repeats: ${late} of ${course.trigger.groupId} are dealt with and not committed`)
    }
  }

  #firstMissing(
    course: Course,
    partition: PartitionId,
    before: number,
    dealt: ReadonlySet<number>,
  ): number | undefined {
    return this.#passing(course, partition).find(({ offset }) => offset < before && !dealt.has(offset))
      ?.offset
  }

  #passing({ trigger }: Course, partition: PartitionId): Appended[] {
    const all = this.#appended.get(partitionKey(partition)) ?? []
    return trigger.settings.filters.length === 0 ? all : all.filter(({ isKept }) => isKept)
  }

  #course(groupId: string, partition: PartitionId): Course {
    return this.#courses.get(courseKey(groupId, partition))!
  }

  #violated(problem: string): void {
    this.violation ??= new Error(problem)
  }
}

function courseKey(groupId: string, partition: PartitionId): string {
  return `${groupId}/${partition.partition}`
}
