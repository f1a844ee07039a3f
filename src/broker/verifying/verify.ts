import type { Head } from '../../core/log/head.ts'
import { isSameSettled } from '../../core/log/settled/settled.ts'
import { type PartitionId, partitionKey, partitionsOf } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { StoreDamaged } from '../../ports/outcome.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { error, type Finding, leftover, type PartitionPlace, VerifySummary } from './finding.ts'
import { noteStaged } from './note-staged.ts'
import { ReferredObjects } from './referred-objects.ts'
import { noteReferred, verifyLog } from './verify-log.ts'
import { verifyObjects } from './verify-objects.ts'
import { type SegmentsCheck, verifySegments } from './verify-segments.ts'

/** How often a partition is looked at anew because it has changed while it was. */
const LOOK_AGAIN_MAX = 5
/** Of one partition: what comes after says nothing new. */
const FINDINGS_MAX = 1_000

/** What else is known of a store, and how to look. */
export interface VerifySettings {
  /** When its index was made; null: before stores said so. Without it nothing is suspicious. */
  readonly createdMs?: (() => Promise<number | null>) | undefined
  /** What is wrong with the index as a whole, a line each. */
  readonly checkIndex?: (() => Promise<string[]>) | undefined
  /** Partitions before this one, by topics' names, have been looked at already: only what they refer to is noted. */
  readonly from?: PartitionPlace | undefined
  /** Whether all of each segment is read, and not only its footer. */
  readonly isDeep?: boolean | undefined
}

/**
 * Checks the invariants of a whole store: that blocks and tail of every partition cover its log with no gap and
 * no overlap, that counts and sums add up, that every byte the index points at is there with a CRC that fits,
 * and that records and offsets agree. Tells what nothing points at. Changes nothing, and holds no more in memory for a
 * large store than for a small one.
 * Runs beside writers: what they add meanwhile is not looked at.
 */
export async function* verify(
  ports: Ports,
  summary: VerifySummary,
  settings: VerifySettings = {},
): AsyncGenerator<Finding> {
  const startedMs = ports.clock.nowMs()
  const referred = new ReferredObjects()
  const topics = new Map<string, TopicItem>()
  try {
    for (const problem of (await settings.checkIndex?.()) ?? []) yield error('the index', problem)
    for await (const topic of ports.topics.list()) topics.set(topic.topicId, topic)
    await noteStaged(ports, referred)
    yield* verifyTopics(ports, topics, referred, summary, settings)
    yield* findLogsOfNoTopic(ports, topics)
    const createdMs = await settings.createdMs?.()
    yield* verifyObjects({ ports, topics, referred, summary, startedMs, createdMs })
  } catch (failure) {
    // What cannot be read says nothing of what it refers to.
    if (!(failure instanceof StoreDamaged)) throw failure
    yield error('the store', failure.message)
  }
}

async function* verifyTopics(
  ports: Ports,
  topics: ReadonlyMap<string, TopicItem>,
  referred: ReferredObjects,
  summary: VerifySummary,
  { from, isDeep = false }: VerifySettings,
): AsyncGenerator<Finding> {
  const live = [...topics.values()].filter(({ state }) => state === 'live')
  summary.topics = topics.size
  summary.partitionsInAll = live.reduce((sum, { partitions }) => sum + partitions, 0)
  for (const topic of live) {
    for (const partition of partitionsOf(topic)) {
      const at = { topic: topic.name, partition: partition.partition }
      summary.at = at
      summary.partitions += 1
      const place = `${at.topic}/${at.partition}`
      try {
        if (from && isBefore(at, from)) await noteReferred(ports, partition, referred)
        else yield* verifyPartition(topic, { ports, partition, place, summary, isDeep }, referred)
      } catch (failure) {
        // One that is damaged must not hide those after it.
        if (!(failure instanceof StoreDamaged)) throw failure
        yield error(place, failure.message)
      }
    }
  }
  summary.at = null
}

/** In the order in which partitions are looked at: that of topics' names, as every index sorts them. */
function isBefore(one: PartitionPlace, other: PartitionPlace): boolean {
  if (one.topic !== other.topic) return one.topic < other.topic
  return one.partition < other.partition
}

async function* verifyPartition(
  topic: TopicItem,
  check: SegmentsCheck,
  referred: ReferredObjects,
): AsyncGenerator<Finding> {
  const { ports, partition, place, summary } = check
  const looks: (readonly Finding[])[] = []
  for (;;) {
    const head = await ports.index.readHead(partition)
    if (!head) {
      if (!(await isDeleted(ports, topic))) yield error(place, 'has no head: nothing can be appended')
      return
    }
    const countedBefore = { ...summary }
    const findings: Finding[] = []
    for await (const finding of verifyAsOf(head, check, referred)) {
      findings.push(finding)
      if (findings.length < FINDINGS_MAX) continue
      findings.push(error(place, 'there is more, which is not told'))
      break
    }
    // What looks wrong may be what somebody has flushed, settled or deleted since the head was read.
    if (findings.length === 0 || !(await hasMoved(ports, partition, head))) {
      yield* findings
      return
    }
    looks.push(findings)
    if (looks.length > LOOK_AGAIN_MAX) {
      yield* await whatStays(looks, check, referred)
      return
    }
    Object.assign(summary, countedBefore)
  }
}

/**
 * What is wrong with a log that moves on faster than it can be looked at: what each look has found, of objects; and of what the
 * index says of itself, what a look at that alone finds.
 */
async function whatStays(
  looks: readonly (readonly Finding[])[],
  check: SegmentsCheck,
  referred: ReferredObjects,
): Promise<readonly Finding[]> {
  const { ports, partition } = check
  const stays = (looks.at(-1) ?? []).filter(({ place, problem }) =>
    looks.every(look => look.some(each => each.place === place && each.problem === problem)),
  )
  for (let triesLeft = LOOK_AGAIN_MAX; stays.length > 0; triesLeft -= 1) {
    const head = await ports.index.readHead(partition)
    if (!head) return []
    const ofIndex = { ...check, summary: new VerifySummary(), isOfIndex: true }
    const found = new Set<string>()
    for await (const { place } of verifyAsOf(head, ofIndex, referred)) found.add(place)
    if (triesLeft > 0 && found.size > 0 && (await hasMoved(ports, partition, head))) continue
    const isOfObject = ({ place }: Finding) => / (?:segment|offset) \d+$/.test(place)
    return stays.filter(finding => isOfObject(finding) || found.has(finding.place))
  }
  return stays
}

async function* verifyAsOf(
  head: Head,
  check: SegmentsCheck,
  referred: ReferredObjects,
): AsyncGenerator<Finding> {
  yield* verifySegments(check, head)
  yield* verifyLog(check, head, referred)
}

async function hasMoved(ports: Ports, partition: PartitionId, head: Head): Promise<boolean> {
  const now = await ports.index.readHead(partition)
  return (
    now?.startOffset !== head.startOffset ||
    now.tailOffset !== head.tailOffset ||
    now.nextOffset !== head.nextOffset ||
    !isSameSettled(now.settled, head.settled)
  )
}

/** Whether the topic went away while we looked. */
async function isDeleted(ports: Ports, { name, topicId }: TopicItem): Promise<boolean> {
  const item = await ports.topics.get(name)
  return item?.topicId !== topicId || item.state !== 'live'
}

/** What the index has of partitions that no topic has. */
async function* findLogsOfNoTopic(
  ports: Ports,
  topics: ReadonlyMap<string, TopicItem>,
): AsyncGenerator<Finding> {
  for await (const partition of ports.index.partitions()) {
    const topic = topics.get(partition.topicId)
    if (topic?.state === 'live' && partition.partition < topic.partitions) continue
    yield leftover(partitionKey(partition), 'a log of no topic')
  }
}
