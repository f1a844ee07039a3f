import { TidemarkError } from '../../core/errors.ts'
import { firstIngest } from '../../core/ingest/ingest.ts'
import { EPOCHS_KEPT, PRODUCE_DEADLINE_MS } from '../../core/limits.ts'
import { toOffset } from '../../core/numbers.ts'
import type { FooterTopic } from '../../core/segment/footer.ts'
import {
  DELETED_TOPICS_PREFIX,
  INGEST_PREFIX,
  LOG_OBJECTS_PREFIX,
  parseIngestKey,
  parseLogObjectKey,
} from '../../core/storage-layout.ts'
import { partitionsOf } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { untilDeadline } from '../settling/budget.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { TopicSteps } from '../topics/topic-steps.ts'
import { type FoundLog, type FoundTopic, findTopic, readFooterOf } from './found-topic.ts'
import { type RebuiltLog, rebuildLog } from './rebuild-log.ts'

/** How long the steps of one topic's partition are tried. */
const PARTITION_MS = 15 * 60_000
const PARTITIONS_PARALLEL = 8

/** What is told of while an index is made anew. */
export type Rebuilding =
  | { readonly kind: 'topic'; readonly topic: string; readonly partitions: number; readonly records: number }
  /** Of an earlier try, or of another who makes the same index anew. */
  | { readonly kind: 'there'; readonly topic: string }
  /** Damage: offsets of which no object is left. */
  | {
      readonly kind: 'lost'
      readonly topic: string
      readonly partition: number
      readonly from: number
      readonly to: number
    }
  | { readonly kind: 'unreadable'; readonly key: string; readonly problem: string }
  | { readonly kind: 'left out'; readonly topic: string; readonly reason: string }

/** What has been made so far. */
export class RebuildSummary {
  topics = 0
  partitions = 0
  segments = 0
  records = 0
  bytes = 0
  /** That were looked at. */
  objects = 0
  /** The topic that is being made; null before the first and behind the last. */
  at: string | null = null
}

/**
 * Makes an index anew from the segments of a store whose index is lost: every topic that has any, with its configs, and every
 * record that had settled, at its offset. What had not settled is not in them; its objects are kept until somebody lets them go.
 * Offsets that may have been told for it are not given again. Groups and triggers are lost.
 *
 * May be broken off and run again. Nobody may work on the store meanwhile.
 * @throws TidemarkError INVALID_REQUEST where the index has topics: then it is none that was lost
 */
export async function* rebuild(ports: Ports, summary: RebuildSummary): AsyncGenerator<Rebuilding> {
  await holdWhatHasNotSettled(ports)
  const deleted = new Set<string>()
  for await (const { key } of ports.objects.list(DELETED_TOPICS_PREFIX)) {
    deleted.add(key.slice(DELETED_TOPICS_PREFIX.length))
  }
  const topics = await findTopics(ports, deleted)
  const names = new Set<string>()
  for (const { topicId, name = topicId } of topics) {
    summary.at = name
    const found = await findTopic(ports, topicId, ports.clock.monotonicMs() + PARTITION_MS)
    summary.objects += found.objects
    for (const { unreadable } of found.logs.values())
      for (const each of unreadable) yield { kind: 'unreadable', ...each }
    if (found.facts === undefined) continue
    if (names.has(name))
      yield {
        kind: 'left out',
        topic: name,
        reason: `an older topic (${topicId}) of a name that a later one has`,
      }
    else yield* rebuildTopic(ports, found.facts, found, summary)
    names.add(name)
  }
  summary.at = null
}

/**
 * Epochs of the new index begin above all in the bucket, so that nobody who still works with the lost one appends anything; and
 * objects of those below stay, since the new index does not know which of them are needed to get back what had not settled.
 */
async function holdWhatHasNotSettled(ports: Ports): Promise<void> {
  const insist = insistOn(ports)
  const standing = await insist(() => ports.upkeep.readIngest())
  // Of an earlier try.
  if (standing && standing.heldBelow > 0) return
  for await (const { name, state } of ports.topics.list()) {
    if (state === 'live')
      throw new TidemarkError(
        'INVALID_REQUEST',
        `The index has topics ("${name}" is one): it is not lost, and was left as it is. If they were made since it was lost, delete them first.`,
      )
  }
  let highest = 0
  for await (const { key } of ports.objects.list(INGEST_PREFIX)) {
    highest = Math.max(highest, parseIngestKey(key)?.epoch ?? 0)
  }
  const floor = highest + 1
  const ingest = {
    ...firstIngest(ports.clock.nowMs(), ports.entropy.id()),
    epoch: floor + EPOCHS_KEPT,
    written: highest,
    floor,
    drained: floor,
    heldBelow: floor,
  }
  await insist(async isUnsure => {
    if (await ports.upkeep.putIngest(ingest, standing?.version)) return
    const isOurs = isUnsure && (await ports.upkeep.readIngest())?.version === ingest.version
    if (!isOurs)
      throw new TidemarkError('INVALID_REQUEST', 'Somebody else works on the store: stop all brokers first.')
  })
}

interface NamedTopic {
  readonly topicId: string
  /** undefined where none of its objects could be read that came before. */
  readonly name: string | undefined
  readonly createdMs: number
}

/** The topics that have objects, the newest first; what deleted ones have left is noted, so that it is collected. */
async function findTopics(ports: Ports, deleted: ReadonlySet<string>): Promise<NamedTopic[]> {
  const topics = new Map<string, NamedTopic>()
  const partitions = new Map<string, number>()
  for await (const object of ports.objects.list(LOG_OBJECTS_PREFIX)) {
    const place = parseLogObjectKey(object.key)
    if (!place) continue
    const { topicId, partition } = place.partition
    if (deleted.has(topicId)) {
      partitions.set(topicId, Math.max(partitions.get(topicId) ?? 0, partition + 1))
    } else if (topics.get(topicId)?.name === undefined) {
      const footer = await readFooterOf(ports, object, ports.clock.monotonicMs() + PRODUCE_DEADLINE_MS)
      topics.set(
        topicId,
        typeof footer === 'string'
          ? { topicId, name: undefined, createdMs: 0 }
          : { ...footer.topic, topicId },
      )
    }
  }
  for (const [topicId, count] of partitions) {
    const note = {
      kind: 'topic' as const,
      topicId,
      name: '',
      partitions: count,
      notedMs: ports.clock.nowMs(),
      sweeps: 0,
    }
    await insistOn(ports)(() => ports.upkeep.putNote(note))
  }
  return [...topics.values()].sort((one, other) => other.createdMs - one.createdMs)
}

async function* rebuildTopic(
  ports: Ports,
  facts: FooterTopic,
  found: FoundTopic,
  summary: RebuildSummary,
): AsyncGenerator<Rebuilding> {
  const { topicId, name } = facts
  const steps = new TopicSteps(ports)
  const standing = await steps.get(name, 'no')
  if (standing && standing.topicId !== topicId) {
    yield { kind: 'left out', topic: name, reason: `another topic (${standing.topicId}) has that name` }
    return
  }
  const partitions = Math.max(facts.partitions, ...[...found.logs.keys()].map(partition => partition + 1))
  const item: TopicItem = {
    name,
    topicId,
    partitions,
    configs: facts.configs,
    createdMs: facts.createdMs,
    state: 'live',
    version: ports.entropy.id(),
    ...(facts.expires && { expires: true }),
  }
  // The logs first: a topic in the making that takes long is deleted by whoever meets it.
  if (standing?.state === 'live') yield { kind: 'there', topic: name }
  else {
    const made = await steps.createHeads(topicId, 0, partitions, 'no')
    const logs = made ? await rebuildLogs(ports, item, found.logs) : undefined
    if (!logs || !(await putLive(ports, steps, item))) {
      yield {
        kind: 'left out',
        topic: name,
        reason: 'it was deleted, or somebody else has made one of that name',
      }
      return
    }
    for (const { partition, gaps, segments, records, bytes } of logs) {
      summary.segments += segments
      summary.records += records
      summary.bytes += bytes
      for (const { from, to } of gaps) yield { kind: 'lost', topic: name, partition, from, to }
    }
    yield {
      kind: 'topic',
      topic: name,
      partitions,
      records: logs.reduce((sum, { records }) => sum + records, 0),
    }
  }
  summary.topics += 1
  summary.partitions += partitions
}

const NOTHING: FoundLog = { segments: [], startOffset: toOffset(0), unreadable: [] }

/** Those of an earlier try are left as they are. */
async function rebuildLogs(
  ports: Ports,
  topic: TopicItem,
  found: ReadonlyMap<number, FoundLog>,
): Promise<(RebuiltLog & { readonly partition: number })[]> {
  const logs = await fewAtATime(partitionsOf(topic), PARTITIONS_PARALLEL, async partition => {
    const head = await insistOn(ports)(() => ports.index.readHead(partition))
    if (!head || head.nextOffset > 0) return undefined
    const budget = untilDeadline(ports.clock.monotonicMs() + PARTITION_MS)
    const log = await rebuildLog(
      ports,
      { topic, partition },
      found.get(partition.partition) ?? NOTHING,
      budget,
    )
    return { ...log, partition: partition.partition }
  })
  return logs.filter(log => log !== undefined)
}

/**
 * Makes the topic known, in the steps of a creation: a round that drains what is old lists it, or the floor is read again once
 * it could. It is in the making for seconds only.
 */
async function putLive(ports: Ports, steps: TopicSteps, item: TopicItem): Promise<boolean> {
  const { name, topicId, partitions } = item
  const making: TopicItem = {
    ...item,
    state: 'making',
    createdMs: ports.clock.nowMs(),
    version: ports.entropy.id(),
  }
  await steps.putNew(making, 'unknown')
  const standing = await steps.get(name, 'unknown')
  if (standing?.topicId !== topicId) return false
  if (!(await steps.createHeads(topicId, 0, partitions, 'unknown'))) return false
  return (await steps.put(item, standing.version)).isDone
}

function insistOn(ports: Ports): <T>(step: (isUnsure: boolean) => Promise<T>) => Promise<T> {
  return step => retryUntil(ports, ports.clock.monotonicMs() + PRODUCE_DEADLINE_MS, 'no', step)
}
