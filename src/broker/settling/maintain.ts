import { SETTLING_BACKLOG_BYTES_MAX } from '../../core/limits.ts'
import { type PartitionId, partitionKey, partitionsOf } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { openIngest } from '../ingest/change-ingest.ts'
import { readAll } from '../store-calls/read-all.ts'
import { TopicDirectory } from '../topics/topic-directory.ts'
import { Topics } from '../topics/topics.ts'
import { type Budget, isTimeOver, TimeIsOver } from './budget.ts'
import { collectGarbage } from './collect-garbage.ts'
import { runRound } from './drain-round.ts'
import { expireOffsets } from './expire-offsets.ts'
import { lookAfterTransactions } from './look-after-transactions.ts'
import type { SettlingSettings } from './settling-settings.ts'
import { advanceEpoch, sweepEpochs } from './sweep-epochs.ts'
import { type Visited, type VisitWants, visit } from './visit-partition.ts'

/** A partition, as people name it; they are visited in the order of these. */
export interface PartitionPlace {
  readonly topic: string
  readonly partition: number
}

/** What a run is for. */
export interface MaintainRequest {
  /** Those in which something is due, as far as whoever asks knows; left out: all of all topics. */
  readonly partitions?: readonly PartitionId[]
  /** Where an earlier run of all partitions was broken off, and this one goes on. */
  readonly from?: PartitionPlace | undefined
  /** How many entries each has in blocks, where somebody knows, by its key. */
  readonly entries?: ReadonlyMap<string, number>
  /** Whether epochs, rounds, garbage and the offsets of silent groups are looked after, too. */
  readonly upkeep: boolean
  /** Whether the offsets of silent groups are left for another run: all groups are read for it, and once a day suffices. */
  readonly leavesOffsets?: boolean
  /** Whether all is rolled that lies in blocks, however little it is. */
  readonly isForced?: boolean
  /** Of these, offsets whose object is not there are given up, and all is rolled: `Progress` tells of what is lost. */
  readonly acceptsLossOf?: readonly PartitionPlace[]
}

/** What a run tells of while it goes on. */
export type Progress =
  | {
      readonly kind: 'visited'
      readonly topic: string
      readonly partition: number
      readonly rolledBytes: number
      readonly mergedBytes: number
      readonly backlogBytes: number
    }
  | { readonly kind: 'failed'; readonly topic: string; readonly partition: number; readonly error: unknown }
  /** Offsets were given up, and a mark stands in their place; the same may be told twice. */
  | { readonly kind: 'lost'; readonly topic: string; readonly partition: number; readonly error: Error }
  | { readonly kind: 'round'; readonly epoch: number; readonly drained: number; readonly isUnderWay: boolean }
  | { readonly kind: 'deleted'; readonly objects: number }
  /** Something else that nobody waits for went wrong; the rest was done. */
  | { readonly kind: 'trouble'; readonly error: unknown }

/** What a run has come to. */
export interface Maintained {
  /** False: the time was over before all was done, and another run goes on. */
  readonly isDone: boolean
  /** Where it was broken off, if it was while it visited all partitions. */
  readonly goesOnAt: PartitionPlace | undefined
  /** In whose midst the time was over: it may need more than there was. */
  readonly halfDone: PartitionId | undefined
  readonly rolledBytes: number
  readonly mergedBytes: number
  readonly compactedBytes: number
  readonly expiredBytes: number
  readonly deletedObjects: number
  /** Of batches that have not settled, in the partitions that were visited. */
  readonly backlogBytes: number
  /** Partitions that failed, or have a backlog that is told as a failure; with the reason. */
  readonly failed: readonly { readonly topic: string; readonly partition: number; readonly reason: string }[]
}

/**
 * One run of what keeps a store from growing for ever: visits partitions, begins epochs and has them drained, and deletes what
 * nothing needs any more. It may be broken off anywhere and made by several at once; whatever one has begun another goes on with.
 */
export async function maintain(
  ports: Ports,
  settings: SettlingSettings,
  request: MaintainRequest,
  budget: Budget,
  report: (progress: Progress) => void = () => {},
): Promise<Maintained> {
  const run = new Run(ports, settings, request, budget, report)
  const isDone = await run.toTheEnd()
  const { sums, failed, goesOnAt, halfDone } = run
  return { ...sums, failed, isDone, goesOnAt: isDone ? undefined : goesOnAt, halfDone }
}

const FIRST: PartitionPlace = { topic: '', partition: 0 }
/** All is rolled that lies in blocks. */
const ALL: VisitWants = { epochsBelow: Number.POSITIVE_INFINITY, isThorough: true }

class Run {
  readonly #ports: Ports
  readonly #settings: SettlingSettings
  readonly #request: MaintainRequest
  readonly #budget: Budget
  readonly #report: (progress: Progress) => void
  readonly failed: { topic: string; partition: number; reason: string }[] = []
  goesOnAt: PartitionPlace | undefined
  halfDone: PartitionId | undefined
  readonly sums = {
    rolledBytes: 0,
    mergedBytes: 0,
    compactedBytes: 0,
    expiredBytes: 0,
    deletedObjects: 0,
    backlogBytes: 0,
  }

  constructor(
    ports: Ports,
    settings: SettlingSettings,
    request: MaintainRequest,
    budget: Budget,
    report: (progress: Progress) => void,
  ) {
    this.#ports = ports
    this.#settings = settings
    this.#request = request
    this.#budget = budget
    this.#report = report
  }

  /** False where the time is over before. */
  async toTheEnd(): Promise<boolean> {
    try {
      // First what takes little: visits may take all the time that there is.
      if (this.#request.upkeep) await this.#upkeep()
      await this.#visitAll()
      return true
    } catch (error) {
      if (isTimeOver(error)) return false
      throw error
    }
  }

  async #visitAll(): Promise<void> {
    const { partitions, isForced = false, from = FIRST } = this.#request
    const wants: VisitWants = isForced ? ALL : { epochsBelow: 0, isThorough: false }
    if (partitions) {
      await this.#visitThese(partitions, wants)
      return
    }
    this.goesOnAt = from
    for (const topic of await this.#liveTopics()) {
      if (topic.name < from.topic) continue
      const first = topic.name === from.topic ? from.partition : 0
      for (const partition of partitionsOf(topic).slice(first)) {
        this.goesOnAt = { topic: topic.name, partition: partition.partition }
        await this.#visit(topic, partition, wants)
      }
    }
  }

  async #visitThese(partitions: readonly PartitionId[], wants: VisitWants): Promise<void> {
    if (partitions.length === 0) return
    const topics = new Map((await this.#liveTopics()).map(topic => [topic.topicId, topic]))
    for (const partition of partitions) {
      const topic = topics.get(partition.topicId)
      if (topic) await this.#visit(topic, partition, wants)
    }
  }

  async #liveTopics(): Promise<TopicItem[]> {
    const topics = await readAll(this.#ports, this.#budget.deadlineMs, () => this.#ports.topics.list())
    return topics.filter(({ state }) => state === 'live')
  }

  /** One that is damaged keeps no other from being visited. */
  async #visit(topic: TopicItem, partition: PartitionId, wants: VisitWants): Promise<void> {
    const entries = this.#request.entries?.get(partitionKey(partition))
    const acceptLoss = this.#acceptLoss(topic, partition)
    const known = {
      ...(acceptLoss ? ALL : wants),
      ...(entries !== undefined && { entries }),
    }
    let visited: Visited
    this.halfDone = partition
    try {
      const log = { topic, partition, acceptLoss }
      visited = await visit(this.#ports, this.#settings, log, known, this.#budget)
    } catch (error) {
      this.#throwIfOver(error)
      this.#fail(topic, partition, error)
      this.halfDone = undefined
      return
    }
    this.halfDone = undefined
    const { rolledBytes, mergedBytes, compactedBytes, expiredBytes, backlogBytes } = visited
    this.sums.rolledBytes += rolledBytes
    this.sums.mergedBytes += mergedBytes
    this.sums.compactedBytes += compactedBytes
    this.sums.expiredBytes += expiredBytes
    this.sums.backlogBytes += backlogBytes
    const place = { topic: topic.name, partition: partition.partition }
    this.#report({ kind: 'visited', ...place, rolledBytes, mergedBytes, backlogBytes })
    // Most have nothing to be done, and there may be thousands.
    await this.#budget.pace(0)
    if (backlogBytes > SETTLING_BACKLOG_BYTES_MAX) {
      this.failed.push({ ...place, reason: `${backlogBytes} bytes wait to be settled` })
    }
  }

  /** Each in its turn; one that fails keeps none that follows from being done. */
  async #upkeep(): Promise<void> {
    await this.#part(() => this.#finishTopics())
    await this.#part(() => this.#transactions())
    await this.#part(() => this.#epochs())
    await this.#part(() => this.#garbage())
    if (!this.#request.leavesOffsets) await this.#part(() => this.#offsets())
  }

  async #finishTopics(): Promise<void> {
    const { topics, clock } = this.#ports
    // What was deleted and is there again is found by whoever meets it.
    await new Topics(this.#ports, new TopicDirectory(topics, clock)).finishDeletions(new Set())
  }

  async #transactions(): Promise<void> {
    const { failures } = await lookAfterTransactions(this.#ports, this.#budget)
    for (const { error } of failures) this.#report({ kind: 'trouble', error })
  }

  async #epochs(): Promise<void> {
    const { deadlineMs } = this.#budget
    const opened = await openIngest(this.#ports, deadlineMs)
    const advanced = await advanceEpoch(this.#ports, this.#settings, opened, this.#budget)
    const { ingest, removed } = await sweepEpochs(this.#ports, this.#settings, advanced, this.#budget)
    this.#countDeleted(removed)
    const failed = (topic: TopicItem, partition: PartitionId, error: unknown) =>
      this.#fail(topic, partition, error)
    const acceptLoss = (topic: TopicItem, partition: PartitionId) => this.#acceptLoss(topic, partition)
    const trouble = (error: unknown) => this.#report({ kind: 'trouble', error })
    const reports = { failed, acceptLoss, trouble }
    const round = await runRound(this.#ports, this.#settings, ingest, this.#budget, reports)
    const { epoch, drained, cursor } = round
    this.#report({ kind: 'round', epoch, drained, isUnderWay: cursor !== null })
  }

  async #garbage(): Promise<void> {
    const { deleted, unfinished } = await collectGarbage(this.#ports, this.#settings, this.#budget)
    this.#countDeleted(deleted)
    await this.#visitThese(unfinished, { epochsBelow: 0, isThorough: true, endsUnfinished: true })
  }

  async #offsets(): Promise<void> {
    await expireOffsets(this.#ports, this.#budget)
  }

  #countDeleted(objects: number): void {
    this.sums.deletedObjects += objects
    if (objects > 0) this.#report({ kind: 'deleted', objects })
  }

  async #part(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#throwIfOver(error)
      this.#report({ kind: 'trouble', error })
    }
  }

  #throwIfOver(error: unknown): void {
    const isOver = this.#ports.clock.monotonicMs() >= this.#budget.deadlineMs || this.#ports.ending?.aborted
    if (isOver) throw new TimeIsOver('the time for this run is over', { cause: error })
  }

  /** What to do with offsets whose object is not there; undefined: they are waited for. */
  #acceptLoss({ name }: TopicItem, { partition }: PartitionId): ((error: Error) => void) | undefined {
    const { acceptsLossOf = [] } = this.#request
    if (!acceptsLossOf.some(each => each.topic === name && each.partition === partition)) return undefined
    return error => this.#report({ kind: 'lost', topic: name, partition, error })
  }

  #fail({ name }: TopicItem, { partition }: PartitionId, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.failed.push({ topic: name, partition, reason })
    this.#report({ kind: 'failed', topic: name, partition, error })
  }
}
