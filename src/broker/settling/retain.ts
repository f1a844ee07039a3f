import type { Head } from '../../core/log/head.ts'
import { planRetention } from '../../core/log/retention/plan-retention.ts'
import type { Segment } from '../../core/log/settled/segment.ts'
import type { Offset } from '../../core/numbers.ts'
import { readSettings, type TopicSettings } from '../../core/topic/topic-config.ts'
import type { Ports } from '../../ports/index.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { retryUntil } from '../store-calls/retry.ts'
import type { Budget } from './budget.ts'
import { planDropTo } from './drop.ts'
import { countedPages } from './read-chain.ts'
import { Moved } from './read-runs.ts'
import { markStart } from './start-marker.ts'
import type { Log } from './write-segment.ts'

/** Segments that are looked at together: usually one of them goes, or none. */
const SEGMENTS_PER_READ = 100

/**
 * Lets go of a log's oldest segments, by its topic's retention. The start and the boundary move in one step: what goes is not
 * read any more from the moment that it ceases to count. Undefined: nothing goes.
 * @param head read before the topic is: whoever alters the retention meanwhile has this move refused
 * @throws Moved where somebody else moves the log, too, has altered its rules, or it is gone
 */
export async function retain(ports: Ports, log: Log, head: Head, budget: Budget): Promise<Head | undefined> {
  const { partition, topic } = log
  const { deadlineMs } = budget
  // By what is known of the topic already: it is asked for only where something would go.
  const known = settingsOf(topic)
  if (!(await findStart(ports, log, head, known, budget))) return undefined
  const item = await retryUntil(ports, deadlineMs, 'no', () => ports.topics.get(topic.name))
  if (item?.topicId !== topic.topicId) throw new Moved(`the topic ${topic.name} is gone`)
  const startOffset = await findStart(ports, log, head, settingsOf(item), budget)
  if (startOffset === undefined) return undefined
  const planned = await planDropTo(ports, log, head, startOffset, budget)
  if (!planned) return undefined
  const move = { ...planned, startOffset, rules: head.settled.rules }
  const made = await retryUntil(ports, deadlineMs, 'no', () => ports.index.rearrange(partition, move))
  if (!made?.moved) throw new Moved(`the log does not come to start at ${startOffset}`)
  await markStart(ports, log, made.head, budget)
  return made.head
}

function settingsOf({ configs, expires = false }: TopicItem): TopicSettings {
  return readSettings(configs, expires)
}

/** Where the log is to start; undefined: where it does. */
async function findStart(
  ports: Ports,
  { partition }: Log,
  head: Head,
  { isDeleted, retentionMs, retentionBytes }: TopicSettings,
  { deadlineMs }: Budget,
): Promise<Offset | undefined> {
  if (!isDeleted || (retentionMs < 0 && retentionBytes < 0)) return undefined
  const rules = { retentionMs, retentionBytes, nowMs: ports.clock.nowMs() }
  const oldest: Segment[] = []
  let startOffset: Offset | undefined
  for await (const { page } of countedPages(ports, partition, head.settled, deadlineMs, SEGMENTS_PER_READ)) {
    oldest.push(...page)
    const plan = planRetention(head, oldest, rules)
    startOffset = plan?.startOffset ?? startOffset
    if (!plan?.isAll) break
  }
  return startOffset
}
