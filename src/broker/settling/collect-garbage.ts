import { type DeadNote, deadNote, type IntentNote, type TopicNote } from '../../core/garbage.ts'
import { HEADS_PARALLEL_MAX, OBJECT_REMOVALS_MAX } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import { countedIn } from '../../core/log/settled/counted.ts'
import { levelsOf } from '../../core/log/settled/levels.ts'
import type { Level, Segment } from '../../core/log/settled/segment.ts'
import { logObjectsPrefix, parseLogObjectKey } from '../../core/storage-layout.ts'
import { type PartitionId, partitionsOf } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { PlacedSegment } from '../../ports/log-index.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { inGroups } from '../store-calls/in-groups.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type Budget, checkTime, halfwayMs } from './budget.ts'
import { segmentAt } from './counted-segments.ts'
import { removeListed } from './remove-listed.ts'
import type { SettlingSettings } from './settling-settings.ts'
import { giveUp } from './write-segment.ts'

/** Notes that are looked at together. */
const NOTES_PARALLEL_MAX = 8

/**
 * Deletes the objects that are noted as dead, once the grace is over in which whoever read the index before may read them, and
 * what deleted topics have left; settles what intents have come to. Cost in proportion to the notes.
 */
export async function collectGarbage(
  ports: Ports,
  settings: SettlingSettings,
  budget: Budget,
): Promise<Collected> {
  const collector = new Collector(ports, settings, budget)
  const nowMs = ports.clock.nowMs()
  const untilMs = Math.max(0, nowMs - settings.graceMs)
  await collector.each(ports.upkeep.notes('intent'), note => collector.settleIntent(note, nowMs))
  const aheadMs = nowMs + settings.resweepMs + settings.graceMs
  await collector.each(ports.upkeep.notes('dead', undefined, aheadMs), note =>
    collector.noteAnew(note, nowMs),
  )
  await collector.each(ports.upkeep.notes('dead', untilMs), note => collector.judge(note, nowMs))
  await collector.bury(nowMs)
  await collector.each(ports.upkeep.notes('topic'), note => collector.sweepTopic(note, nowMs))
  return collector
}

/** What collecting has come to. */
export interface Collected {
  readonly deleted: number
  /** Partitions in which somebody has begun what nobody has ended for a day: a visit has to bring it to an end. */
  readonly unfinished: readonly PartitionId[]
}

/** What the items at an object's base say, read in an order in which nothing that takes an object over can be missed. */
interface Found {
  readonly head: Head
  /** Of the three levels that can name it. */
  readonly items: readonly PlacedSegment[]
}

class Collector implements Collected {
  readonly #ports: Ports
  readonly #settings: SettlingSettings
  readonly #budget: Budget
  deleted = 0
  readonly unfinished: PartitionId[] = []
  /** Notes of objects that may go. */
  #doomed: DeadNote[] = []
  /** From when on no more are gathered: what a run has found out is lost if its time is over before any goes. */
  readonly #fewFromMs: number

  constructor(ports: Ports, settings: SettlingSettings, budget: Budget) {
    this.#ports = ports
    this.#settings = settings
    this.#budget = budget
    this.#fewFromMs = halfwayMs(ports.clock, budget.deadlineMs)
  }

  /** Does something for each note, some of them at a time. */
  async each<T>(notes: AsyncIterable<T>, work: (note: T) => Promise<void>): Promise<void> {
    for await (const group of inGroups(notes, NOTES_PARALLEL_MAX)) {
      checkTime(this.#ports.clock, this.#budget)
      await fewAtATime(group, NOTES_PARALLEL_MAX, work)
      await this.#budget.pace(0)
    }
  }

  /**
   * Nothing is deleted while its item could still be put where it would be adopted: an age only says when somebody looks. What
   * its boundary has passed, and no item names, never comes to count; it is noted as dead from now on, so that whoever has read
   * something of it has its time.
   */
  async settleIntent(note: IntentNote, nowMs: number): Promise<void> {
    const { graceMs, resweepMs } = this.#settings
    // A time in the future is of a clock that was wrong, and must not keep it for ever.
    const ageMs = Math.abs(nowMs - note.notedMs)
    if (ageMs <= graceMs) return
    const place = parseLogObjectKey(note.key)
    if (!place) return
    const found = await this.#find(place.partition, place.baseOffset)
    if (found === 'moving') return
    if (found !== 'closed') {
      if (isUndecided(found.head, note.level, place.baseOffset)) {
        if (ageMs >= resweepMs && note.level !== 'rolled') this.unfinished.push(place.partition)
        return
      }
      if (found.items.some(({ segment }) => segment.id === place.id)) return await this.#removeNote(note)
    }
    await giveUp(this.#ports, note, this.#budget.deadlineMs)
  }

  /** By a clock that was wrong it was noted in the future, where nobody comes by: its time begins now. */
  async noteAnew(note: DeadNote, nowMs: number): Promise<void> {
    await this.#putNote({ ...note, notedMs: nowMs })
    await this.#removeNote(note)
  }

  /**
   * Whether a dead object may go: unless an item names it. Then the note goes where that item counts, and stays where it is about
   * to go. What may go once may go for ever, so many are deleted together, as long as there is time to gather them.
   */
  async judge(note: DeadNote, nowMs: number): Promise<void> {
    const place = parseLogObjectKey(note.key)
    const found = place && (await this.#find(place.partition, place.baseOffset))
    if (found === 'moving') return
    if (place && found && found !== 'closed') {
      const named = found.items.filter(({ segment }) => segment.id === place.id)
      for (const item of named)
        if (await this.#counts(place.partition, found.head, item)) return await this.#removeNote(note)
      if (named.length > 0) return
    }
    this.#doomed.push(note)
    const isLate = this.#ports.clock.monotonicMs() >= this.#fewFromMs
    if (isLate || this.#doomed.length >= OBJECT_REMOVALS_MAX) await this.bury(nowMs)
  }

  /** Deletes what may go, and then the notes. */
  async bury(nowMs: number): Promise<void> {
    const notes = this.#doomed
    this.#doomed = []
    if (notes.length === 0) return
    await this.#insist(() => this.#ports.objects.removeAll(notes.map(({ key }) => key)))
    this.deleted += notes.length
    await fewAtATime(notes, NOTES_PARALLEL_MAX, async note => {
      if (note.looks === 2) {
        // Somebody who was slow may end its upload only now. Once the day is over, that is looked for.
        const notedMs = nowMs + this.#settings.resweepMs
        await this.#putNote(deadNote(note.key, notedMs, 1, this.#ports.entropy.id()))
      }
      await this.#removeNote(note)
    })
  }

  /** Removes what came late to a deleted topic, and its objects; a day later once more, and then the note. */
  async sweepTopic(note: TopicNote, nowMs: number): Promise<void> {
    const { graceMs, resweepMs } = this.#settings
    const dueMs = note.notedMs + (note.sweeps === 0 ? graceMs : resweepMs)
    // As with what is dead.
    if (note.notedMs > nowMs + graceMs) return await this.#putNote({ ...note, notedMs: nowMs })
    if (nowMs < dueMs) return
    const { index, objects } = this.#ports
    await fewAtATime(partitionsOf(note), HEADS_PARALLEL_MAX, id =>
      this.#insist(() => index.removePartition(id)),
    )
    this.deleted += await removeListed(
      this.#ports,
      objects.list(logObjectsPrefix(note.topicId)),
      this.#budget,
    )
    if (note.sweeps === 0) await this.#putNote({ ...note, notedMs: nowMs, sweeps: 1 })
    else await this.#removeNote(note)
  }

  /**
   * Whatever takes an object over leaves the item that it takes it from standing, and goes from rolled ones to a generation, and
   * from one generation to a higher: so the levels are read in this order. `moving`: other generations count by now.
   */
  async #find(
    partition: PartitionId,
    baseOffset: Segment['baseOffset'],
  ): Promise<Found | 'closed' | 'moving'> {
    const { deadlineMs } = this.#budget
    const at = (level: Level) => segmentAt(this.#ports, partition, level, baseOffset, deadlineMs)
    const rolled = await at('rolled')
    const before = await this.#readHead(partition)
    if (!before)
      return (await this.#insist(() => this.#ports.index.isRemoved(partition))) ? 'closed' : 'moving'
    const { generation, resumes, cleaning } = before.settled
    const items: PlacedSegment[] = rolled ? [{ level: 'rolled', segment: rolled }] : []
    for (const level of new Set([generation, resumes, cleaning])) {
      const segment = await at(level)
      if (segment) items.push({ level, segment })
    }
    const after = (await this.#readHead(partition))?.settled
    const isSame =
      after?.generation === generation && after.resumes === resumes && after.cleaning === cleaning
    return isSame ? { head: before, items } : 'moving'
  }

  /** Whether a segment that stands at its level counts by this head. Of those below the level's boundary only the last one may. */
  async #counts(
    partition: PartitionId,
    { settled }: Head,
    { level, segment }: PlacedSegment,
  ): Promise<boolean> {
    const range = levelsOf(settled).find(each => each.level === level)
    if (!range || countedIn([segment], range.lo, range.hi).length === 0) return false
    if (segment.baseOffset >= range.lo) return true
    const read = () => this.#ports.index.readSegments(partition, level, range.lo, 1)
    const [last] = await this.#insist(read)
    return last?.baseOffset === segment.baseOffset
  }

  #readHead(partition: PartitionId): Promise<Head | undefined> {
    return this.#insist(() => this.#ports.index.readHead(partition))
  }

  #putNote(note: DeadNote | TopicNote): Promise<void> {
    return this.#insist(() => this.#ports.upkeep.putNote(note))
  }

  #removeNote(note: IntentNote | DeadNote | TopicNote): Promise<void> {
    return this.#insist(() => this.#ports.upkeep.removeNote(note))
  }

  #insist<T>(step: () => Promise<T>): Promise<T> {
    return retryUntil(this.#ports, this.#budget.deadlineMs, 'no', step)
  }
}

/** Whether a move may still be made that would have the item count, in its own generation or in one that takes it over. */
function isUndecided({ settled }: Head, level: Level, baseOffset: Segment['baseOffset']): boolean {
  if (level === 'rolled') return settled.settledOffset <= baseOffset
  if (level === settled.generation) return settled.mergedOffset <= baseOffset
  return level >= settled.cleaning || (level === settled.resumes && level > 0)
}
