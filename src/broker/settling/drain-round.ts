import { beginRound, type Ingest, publish } from '../../core/ingest/ingest.ts'
import { HEADS_PARALLEL_MAX, READ_PARALLEL_MAX, STUCK_PARTITIONS_MAX } from '../../core/limits.ts'
import { blockEnd } from '../../core/log/block.ts'
import { entryEpoch, type IndexEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { toOffset } from '../../core/numbers.ts'
import { headsMade } from '../../core/topic/creation.ts'
import { type PartitionId, partitionKey, partitionsOf } from '../../core/topic/partition-id.ts'
import { Lane } from '../../core/turns.ts'
import type { Ports } from '../../ports/index.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { changeIngest } from '../ingest/change-ingest.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { readAll } from '../store-calls/read-all.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type Budget, checkTime, isTimeOver } from './budget.ts'
import { flush } from './flush.ts'
import { lookAfterTransactions } from './look-after-transactions.ts'
import { Moved } from './read-runs.ts'
import type { SettlingSettings } from './settling-settings.ts'
import { visit } from './visit-partition.ts'
import type { Log } from './write-segment.ts'

/** What of a round others are told. */
export interface RoundReport {
  /** A partition could not be drained: the round is not published, and the next one tries again. */
  failed(topic: TopicItem, partition: PartitionId, error: unknown): void
  /** Something went wrong with what is no partition. */
  trouble(error: unknown): void
  /** As a log has it. */
  acceptLoss(topic: TopicItem, partition: PartitionId): Log['acceptLoss']
}

/** How often a partition is looked at anew that somebody goes on writing to. */
const LOOKS_MAX = 5
/** How often the place is noted at which the next one would go on. */
const CURSOR_INTERVAL_MS = 10_000

/**
 * Has all partitions and all transactions drain the epochs that are over, and publishes that they have. The floor is raised in the store before
 * anything is listed, so whoever makes a head meanwhile either stands in the listing or raises it itself. Goes on where the last
 * run was broken off. Tells what the store keeps of its epochs after it.
 * @throws TimeIsOver, TidemarkError REQUEST_TIMED_OUT at the deadline: the next run goes on
 */
export async function runRound(
  ports: Ports,
  settings: SettlingSettings,
  found: Ingest,
  budget: Budget,
  report: RoundReport,
): Promise<Ingest> {
  // What the last one has drained is swept before the next one: else a grace that is as long as a round would never end.
  const isDue = found.cursor === null && (found.swept >= found.drained || found.heldBelow > 0)
  const begun = isDue ? beginRound(found, ports.clock.nowMs(), settings.roundMs) : undefined
  let round: Ingest | undefined = found
  if (begun) round = await changeIngest(ports, found, begun, budget.deadlineMs)
  // None is due, or somebody else has begun one.
  if (!round || round.cursor === null) return round ?? found
  const stuck = new Set(round.stuck)
  const { clock } = ports
  let notedAtMs = clock.monotonicMs()
  const begunAt = round.cursor
  let cursor = begunAt
  const noteCursor = async () => {
    const changed: Ingest | undefined = await changeIngest(
      ports,
      round!,
      { cursor, stuck: [...stuck].slice(0, STUCK_PARTITIONS_MAX) },
      budget.deadlineMs,
    )
    round = changed
    notedAtMs = clock.monotonicMs()
  }
  const copying = new Lane(1)
  // Those that are being made or deleted too.
  const topics = await readAll(ports, budget.deadlineMs, () => ports.topics.list())
  for (const topic of topics.filter(({ name }) => name > begunAt)) {
    await fewAtATime(
      partitionsOf({ topicId: topic.topicId, partitions: headsMade(topic) }),
      HEADS_PARALLEL_MAX,
      async partition => {
        try {
          const log = { topic, partition, acceptLoss: report.acceptLoss(topic, partition) }
          await drain(ports, settings, log, round!.floor, budget, copying)
        } catch (error) {
          const isOver = clock.monotonicMs() >= budget.deadlineMs || ports.ending?.aborted
          if (isOver && isTimeOver(error)) throw error
          stuck.add(partitionKey(partition))
          report.failed(topic, partition, error)
        }
      },
    )
    cursor = topic.name
    if (clock.monotonicMs() - notedAtMs >= CURSOR_INTERVAL_MS) await noteCursor()
    // Somebody else works on the round as well: one of us suffices.
    if (!round) return found
  }
  const { isDrained, failures } = await lookAfterTransactions(ports, budget, round.floor)
  for (const { error } of failures) report.trouble(error)
  if (!isDrained) {
    // The round is not over while an open transaction has something of an older epoch: that is for minutes at most.
    await noteCursor()
    return round ?? found
  }
  const ended = publish({ ...round, cursor, stuck: [...stuck].slice(0, STUCK_PARTITIONS_MAX) }, clock.nowMs())
  return (ended && (await changeIngest(ports, round, ended, budget.deadlineMs))) ?? round
}

/**
 * Raises one log's floor, settles whatever is of an older epoch, and notes that nothing is. Only in this order: once the floor
 * is raised nothing older can come, so what is seen afterwards stays true.
 */
async function drain(
  ports: Ports,
  settings: SettlingSettings,
  log: Log,
  floor: number,
  budget: Budget,
  copying: Lane,
): Promise<void> {
  const { partition } = log
  const insist = <T>(step: () => Promise<T>) => retryUntil(ports, budget.deadlineMs, 'no', step)
  checkTime(ports.clock, budget)
  const { index } = ports
  const before = await insist(() => index.readHead(partition))
  if (!before || before.drained >= floor) return
  const isClear = before.settled.settledOffset === before.tailOffset && !hasOlder(before.tail, floor)
  if (isClear) await removeLeftBlocks(ports, partition, before, budget)
  let head = await insist(() => index.raiseFloor(partition, floor, isClear ? before : undefined))
  let reached = ''
  let hasTakenInline = false
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    if (!head || head.drained >= floor) return
    // Whatever it takes: nothing older comes any more, and so there is an end of what moves.
    const now = `${head.settled.settledOffset} ${head.tailOffset}`
    if (now !== reached) looks = 0
    reached = now
    if (hasOlder(head.tail, floor)) {
      const [cut] = await flush(ports, [{ partition, age: { epochsBelow: floor }, head }], budget.deadlineMs)
      if (cut?.status === 'rejected') throw cut.reason
      head = cut?.value
      continue
    }
    const wantsInline = !hasTakenInline && (await blocksHave(ports, partition, head, isInline, budget))
    if (!wantsInline && !(await blocksHave(ports, partition, head, isOlder(floor), budget))) {
      if (await insist(() => index.noteDrained(partition, floor))) return
    } else {
      // Once: others may go on writing such ones, and no floor ends that.
      hasTakenInline = true
      const wants = { epochsBelow: floor, isThorough: true }
      // Heads are looked at many at a time; bytes are copied for one log after the other, or memory would not suffice.
      await copying.run(() => visit(ports, settings, log, wants, budget))
    }
    head = await insist(() => index.readHead(partition))
  }
  throw new Moved('it has more of older epochs each time that somebody looks')
}

/** Of a log that nobody visits because of its blocks: who settled the last of them may have broken off before they went. */
async function removeLeftBlocks(
  { index, ...ports }: Ports,
  partition: PartitionId,
  { settled: { settledOffset } }: Head,
  { deadlineMs }: Budget,
): Promise<void> {
  if (settledOffset === 0) return
  const [left] = await retryUntil(ports, deadlineMs, 'no', () =>
    index.readBlocks(partition, toOffset(settledOffset - 1), 1),
  )
  if (!left || left.baseOffset >= settledOffset) return
  await retryUntil(ports, deadlineMs, 'no', () => index.removeBlocksBelow(partition, settledOffset))
}

function hasOlder(entries: readonly IndexEntry[], epochsBelow: number): boolean {
  return entries.some(isOlder(epochsBelow))
}

function isOlder(epochsBelow: number): (entry: IndexEntry) => boolean {
  return entry => entryEpoch(entry) < epochsBelow
}

function isInline({ place }: IndexEntry): boolean {
  return place.kind === 'inline'
}

/** Whether a block above settledOffset has such an entry. */
async function blocksHave(
  ports: Ports,
  partition: PartitionId,
  { settled, tailOffset }: Head,
  isSought: (entry: IndexEntry) => boolean,
  { deadlineMs }: Budget,
): Promise<boolean> {
  let next = settled.settledOffset
  while (next < tailOffset) {
    const read = () => ports.index.readBlocks(partition, next, READ_PARALLEL_MAX)
    const found = await retryUntil(ports, deadlineMs, 'no', read)
    const blocks = found.filter(block => block.baseOffset >= next && block.baseOffset < tailOffset)
    // Somebody else settles it just now: it has to be looked at anew.
    if (blocks[0]?.baseOffset !== next) return true
    if (blocks.some(({ entries }) => entries.some(isSought))) return true
    next = blockEnd(blocks.at(-1)!)
  }
  return false
}
