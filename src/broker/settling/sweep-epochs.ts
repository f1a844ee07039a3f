import { advance, beginRound, type Ingest, publishAnew, sweepable } from '../../core/ingest/ingest.ts'
import { EPOCHS_AHEAD_MAX, HEADS_PARALLEL_MAX } from '../../core/limits.ts'
import { INGEST_PREFIX, ingestEpochPrefix, SEGMENT_PREFIX } from '../../core/storage-layout.ts'
import { headsMade } from '../../core/topic/creation.ts'
import { partitionsOf } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import { changeIngest } from '../ingest/change-ingest.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { readAll } from '../store-calls/read-all.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type Budget, isTimeOver } from './budget.ts'
import { removeListed } from './remove-listed.ts'
import type { SettlingSettings } from './settling-settings.ts'

/**
 * Begins the next epoch, where the current one is old enough and has objects. Epochs are counted and not told by clocks: a clock
 * says only when to try.
 */
export async function advanceEpoch(
  ports: Ports,
  { advanceMs, roundMs }: SettlingSettings,
  found: Ingest,
  { deadlineMs }: Budget,
): Promise<Ingest> {
  const nowMs = ports.clock.nowMs()
  if (Math.abs(nowMs - found.advancedMs) < advanceMs) return found
  const isIdle = found.epoch > found.written + EPOCHS_AHEAD_MAX
  // Where nothing is written a look each day suffices, for what the very last commit may have left. It takes the time of a
  // round, and so must not come before one that is due.
  const hasRound = found.cursor !== null || found.drained > found.swept || beginRound(found, nowMs, roundMs)
  if (isIdle && (hasRound || Math.abs(nowMs - found.roundMs) < roundMs)) return found
  const written = await highestWritten(ports, found)
  const seen = { ...found, written }
  const next = advance(seen, nowMs, advanceMs) ?? { ...seen, ...(isIdle && { roundMs: nowMs }) }
  const { epoch, advancedMs } = next
  if (epoch === found.epoch && written === found.written && next.roundMs === found.roundMs) return found
  const changes = { epoch, advancedMs, written, roundMs: next.roundMs }
  return (await changeIngest(ports, found, changes, deadlineMs)) ?? found
}

/** The highest epoch that has objects, as far as anybody knows. One that ended a while ago may have got some since. */
async function highestWritten({ objects }: Ports, { epoch, written }: Ingest): Promise<number> {
  for (let each = epoch; each > written; each -= 1) {
    for await (const _ of objects.list(ingestEpochPrefix(each))) return each
  }
  return written
}

/**
 * Deletes the objects of epochs that all logs have drained, a grace after that was published; those that somebody who slept has
 * uploaded under an epoch that was swept before, too. Tells how many, and what the store keeps of its epochs then.
 */
export async function sweepEpochs(
  ports: Ports,
  { graceMs }: SettlingSettings,
  found: Ingest,
  budget: Budget,
): Promise<{ ingest: Ingest; removed: number }> {
  const nowMs = ports.clock.nowMs()
  const anew = publishAnew(found, nowMs, graceMs)
  if (anew)
    return { ingest: (await changeIngest(ports, found, anew, budget.deadlineMs)) ?? found, removed: 0 }
  const below = sweepable(found, nowMs, graceMs)
  if (below === 0) return { ingest: found, removed: 0 }
  const { objects } = ports
  // From the very beginning on: keys sort as epochs do.
  let removed = await removeListed(ports, objects.list(INGEST_PREFIX, ingestEpochPrefix(below)), budget)
  if (nowMs - found.drainedMs >= graceMs && (await isWithoutEpochsOver(ports, budget))) {
    const old = olderThan(objects.list(SEGMENT_PREFIX), nowMs - graceMs)
    removed += await removeListed(ports, old, budget)
  }
  if (below <= found.swept) return { ingest: found, removed }
  return { ingest: (await changeIngest(ports, found, { swept: below }, budget.deadlineMs)) ?? found, removed }
}

/**
 * Whether no log has anything of before there were epochs, nor takes it any more. A process of an older program that runs on may
 * have made a topic since the round came by: its heads have no floor, and the next round raises and drains them. All heads are
 * read for it, but only where there are such objects: once in a store's life.
 */
async function isWithoutEpochsOver(
  { objects, index, topics, ...ports }: Ports,
  budget: Budget,
): Promise<boolean> {
  const { deadlineMs } = budget
  for await (const _ of objects.list(SEGMENT_PREFIX)) {
    const listed = await readAll(ports, deadlineMs, () => topics.list())
    const all = listed.flatMap(topic =>
      partitionsOf({ topicId: topic.topicId, partitions: headsMade(topic) }),
    )
    const drained = await fewAtATime(all, HEADS_PARALLEL_MAX, async id => {
      try {
        const head = await retryUntil(ports, deadlineMs, 'no', () => index.readHead(id))
        return head === undefined || head.drained > 0
      } catch (error) {
        if (isTimeOver(error)) throw error
        // What one that is damaged needs nobody knows, and it must not keep the epochs from being swept.
        return false
      }
    })
    return drained.every(Boolean)
  }
  return true
}

/** What came only now may be of a head that nobody has looked at. */
async function* olderThan(listing: AsyncIterable<ObjectInfo>, untilMs: number): AsyncGenerator<ObjectInfo> {
  for await (const object of listing) if (object.modifiedMs <= untilMs) yield object
}
