import { batchesOf } from '../../core/batches/batch-run.ts'
import { TidemarkError } from '../../core/errors.ts'
import { ORPHAN_AGE_MS } from '../../core/limits.ts'
import { type Block, blockEnd } from '../../core/log/block.ts'
import { type IndexEntry, type PlacedEntry, placeEntries, spanOf } from '../../core/log/entry.ts'
import { findHeadProblems, type Head } from '../../core/log/head.ts'
import { type LogSummary, summarize } from '../../core/log/summary.ts'
import type { Offset } from '../../core/numbers.ts'
import { DamagedBatch } from '../../core/record/batch-header.ts'
import { ingestKey, parseSegmentKey } from '../../core/storage-layout.ts'
import { type PartitionId, partitionKey, partitionsOf } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import { StoreDamaged } from '../../ports/outcome.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { readPlace } from '../reading/walk.ts'

const BLOCKS_PER_READ = 64
/** How far the clocks of an index and of its objects may be apart. */
const CLOCKS_APART_MS = 300_000
/** How often a partition is looked at anew because it has changed while it was. */
const LOOK_AGAIN_MAX = 5

/** What `verify` has to say about one place of the store. */
export interface Finding {
  /**
   * `error`: an invariant does not hold, records may be lost; `suspicious`: nothing refers to so much that neither crashes
   * nor deletions explain it; `leftover`: something that nothing refers to, as they leave it, which does no harm.
   */
  readonly severity: 'error' | 'suspicious' | 'leftover'
  /** A partition, an item or an object. */
  readonly place: string
  readonly problem: string
}

/** What was looked at. */
export class VerifySummary {
  topics = 0
  partitions = 0
  blocks = 0
  entries = 0
  batches = 0
  records = 0
  bytes = 0
  objects = 0
  orphanBytes = 0
}

/** What else is known of a store. */
export interface VerifiedStore {
  /** When its index was made; null: before stores said so. Without it nothing is suspicious. */
  readonly createdMs?: (() => Promise<number | null>) | undefined
  /** What is wrong with the index as a whole, a line each. */
  readonly checkIndex?: (() => Promise<string[]>) | undefined
}

/**
 * Checks the invariants of a whole store: that blocks and tail of every partition cover its log with no gap and
 * no overlap, that counts and sums add up, that every byte the index points at is there with a CRC that fits,
 * and that records and offsets agree. Tells what nothing points at. Reads everything; changes nothing.
 * Runs beside writers: what they add meanwhile is not looked at.
 */
export async function* verify(
  ports: Ports,
  summary: VerifySummary,
  { createdMs, checkIndex }: VerifiedStore = {},
): AsyncGenerator<Finding> {
  const objects: ObjectInfo[] = []
  const referred = new Set<string>()
  try {
    for (const problem of (await checkIndex?.()) ?? []) yield error('the index', problem)
    // Listed before the index is read: an object that appears later is not taken for an orphan.
    for await (const object of ports.objects.list()) objects.push(object)
    summary.objects = objects.length
    yield* verifyTopics(ports, referred, summary)
  } catch (failure) {
    // What cannot be read says nothing of what it refers to.
    if (!(failure instanceof StoreDamaged)) throw failure
    yield error('the store', failure.message)
    return
  }
  const orphans: ObjectInfo[] = []
  for (const object of objects) {
    const { key, bytes, modifiedMs } = object
    if (referred.has(key) || ports.clock.nowMs() - modifiedMs < ORPHAN_AGE_MS) continue
    orphans.push(object)
    summary.orphanBytes += bytes
    const what = parseSegmentKey(key) === undefined ? 'is not a name of ours' : 'nothing refers to it'
    yield leftover(key, `${what} (${bytes} bytes)`)
  }
  const suspicion = suspect(orphans, summary, await createdMs?.())
  if (suspicion !== undefined) yield { severity: 'suspicious', place: 'the index', problem: suspicion }
}

/**
 * What neither crashes nor deletions explain. Both leave objects that are younger than the index in which something has
 * referred to them.
 */
function suspect(
  orphans: readonly ObjectInfo[],
  { topics, orphanBytes }: VerifySummary,
  createdMs: number | null | undefined,
): string | undefined {
  const segments = orphans.filter(({ key }) => parseSegmentKey(key) !== undefined)
  if (createdMs === undefined) return undefined
  if (createdMs !== null) {
    const older = segments.filter(({ modifiedMs }) => modifiedMs < createdMs - CLOCKS_APART_MS)
    if (older.length === 0) return undefined
    const bytes = older.reduce((sum, object) => sum + object.bytes, 0)
    return `${older.length} objects (${bytes} bytes) that nothing refers to are older than it: has an index been lost?`
  }
  if (topics > 0 || segments.length === 0) return undefined
  return (
    `it has no topic, and ${segments.length} objects (${orphanBytes} bytes) are there: has an index been lost? (Where all ` +
    'topics have been deleted, this is what they have left)'
  )
}

async function* verifyTopics(
  ports: Ports,
  referred: Set<string>,
  summary: VerifySummary,
): AsyncGenerator<Finding> {
  const topics = new Map<string, TopicItem>()
  for await (const topic of ports.topics.list()) topics.set(topic.topicId, topic)
  summary.topics = topics.size

  const found = new Set<string>()
  for await (const partition of ports.index.partitions()) {
    const topic = topics.get(partition.topicId)
    if (topic?.state !== 'live' || partition.partition >= topic.partitions) {
      yield leftover(partitionKey(partition), 'a log of no topic')
      continue
    }
    found.add(partitionKey(partition))
    summary.partitions += 1
    const place = `${topic.name}/${partition.partition}`
    try {
      yield* verifyPartition(ports, partition, place, referred, summary)
    } catch (failure) {
      // One that is damaged must not hide those after it.
      if (!(failure instanceof StoreDamaged)) throw failure
      yield error(place, failure.message)
    }
  }
  for (const topic of topics.values()) {
    const { name, topicId } = topic
    for (const id of topic.state === 'live' ? partitionsOf(topic) : []) {
      if (found.has(partitionKey(id))) continue
      if (await isDeleted(ports, name, topicId)) break
      yield error(`${name}/${id.partition}`, 'has no head: nothing can be appended')
    }
  }
}

async function* verifyPartition(
  ports: Ports,
  partition: PartitionId,
  place: string,
  referred: Set<string>,
  summary: VerifySummary,
): AsyncGenerator<Finding> {
  for (let again = 0; ; again += 1) {
    const head = await ports.index.readHead(partition)
    if (!head) {
      yield leftover(place, 'blocks without a head: the topic is being deleted')
      return
    }
    const countedBefore = { ...summary }
    const findings: Finding[] = []
    for await (const finding of verifyLog(ports, partition, head, place, referred, summary))
      findings.push(finding)
    // What looks wrong may be what somebody has flushed or deleted since the head was read.
    if (findings.length === 0 || again === LOOK_AGAIN_MAX || !(await hasMoved(ports, partition, head))) {
      yield* findings
      return
    }
    Object.assign(summary, countedBefore)
  }
}

async function hasMoved(ports: Ports, partition: PartitionId, head: Head): Promise<boolean> {
  const now = await ports.index.readHead(partition)
  return (
    now?.startOffset !== head.startOffset ||
    now.tailOffset !== head.tailOffset ||
    now.nextOffset !== head.nextOffset
  )
}

async function* verifyLog(
  ports: Ports,
  partition: PartitionId,
  head: Head,
  place: string,
  referred: Set<string>,
  summary: VerifySummary,
): AsyncGenerator<Finding> {
  for (const problem of findHeadProblems(head)) yield error(`${place} head`, problem)

  yield* verifyUntrimmed(ports, partition, head, place, referred)
  let next: Offset | undefined
  let before: LogSummary | undefined
  for await (const block of blocksOf(ports, partition, head)) {
    const blockPlace = `${place} block ${block.baseOffset}`
    summary.blocks += 1
    for (const problem of findBlockProblems(block, head, next, before)) {
      yield error(blockPlace, problem)
    }
    yield* verifyEntries(ports, placeEntries(block.baseOffset, block.entries), blockPlace, referred, summary)
    next = blockEnd(block)
    before = block.summary
  }
  const covered = next ?? head.tailOffset
  if (covered !== head.tailOffset || (next === undefined && head.startOffset < head.tailOffset)) {
    const missing = next ?? head.startOffset
    yield error(place, `offsets ${missing} to ${head.tailOffset - 1} are in no block`)
  }
  if (
    before &&
    (before.bytes !== head.flushed.bytes || before.maxTimestampMs !== head.flushed.maxTimestampMs)
  ) {
    yield error(`${place} head`, 'its sums are not those of the last block')
  }
  yield* verifyEntries(ports, placeEntries(head.tailOffset, head.tail), `${place} tail`, referred, summary)
}

/**
 * A block that was put, but whose entries still stand in the tail: a crash in the middle of a flush leaves one,
 * and the next flush goes on from it. What it points at is in use; its entries must be the tail's.
 */
async function* verifyUntrimmed(
  ports: Ports,
  partition: PartitionId,
  head: Head,
  place: string,
  referred: Set<string>,
): AsyncGenerator<Finding> {
  for (const block of await ports.index.readBlocks(partition, head.tailOffset, 2)) {
    // One further on was put after the head was read.
    if (block.baseOffset !== head.tailOffset) continue
    for (const { place: at } of block.entries) if (at.kind === 'object') referred.add(ingestKey(at))
    const isTail = block.entries.every((entry, index) => entry.id === head.tail[index]?.id)
    if (isTail) continue
    yield error(
      `${place} block ${block.baseOffset}`,
      'is to take entries out of the tail that do not stand there',
    )
  }
}

/** The blocks that the head's tail follows. Those put meanwhile are left out, and so are those below its start. */
async function* blocksOf(ports: Ports, partition: PartitionId, head: Head): AsyncGenerator<Block> {
  let from = head.startOffset
  while (from < head.tailOffset) {
    const blocks = await ports.index.readBlocks(partition, from, BLOCKS_PER_READ)
    const fresh = blocks.filter(block => block.baseOffset < head.tailOffset && blockEnd(block) > from)
    yield* fresh
    const last = fresh.at(-1)
    if (!last) return
    from = blockEnd(last)
  }
}

function findBlockProblems(
  block: Block,
  head: Head,
  expected: Offset | undefined,
  before: LogSummary | undefined,
): string[] {
  const problems: string[] = []
  if (expected === undefined ? block.baseOffset > head.startOffset : block.baseOffset !== expected) {
    const from = expected ?? head.startOffset
    problems.push(`does not follow the block before it: expected offset ${from}`)
  }
  if (spanOf(block.entries) === 0) problems.push('holds no records')
  const sums = before && summarize(before, block.entries)
  if (sums && (sums.bytes !== block.summary.bytes || sums.maxTimestampMs !== block.summary.maxTimestampMs)) {
    problems.push('its sums do not add up')
  }
  const inline = block.entries.filter(entry => entry.place.kind === 'inline').length
  if (inline > 0) problems.push(`has ${inline} inline entries; a block points at objects only`)
  return problems
}

async function* verifyEntries(
  ports: Ports,
  entries: readonly PlacedEntry[],
  place: string,
  referred: Set<string>,
  summary: VerifySummary,
): AsyncGenerator<Finding> {
  for (const { baseOffset, entry } of entries) {
    summary.entries += 1
    if (entry.place.kind === 'object') referred.add(ingestKey(entry.place))
    const entryPlace = `${place} offset ${baseOffset}`
    const bytes = await readPlace(ports.objects, entry.place, entry.bytes)
    if (!bytes || bytes.length < entry.bytes) {
      const key = entry.place.kind === 'object' ? ingestKey(entry.place) : 'the tail'
      yield error(
        entryPlace,
        `${entry.bytes} bytes should be in ${key}; ${bytes ? `only ${bytes.length} are` : 'it is not there'}`,
      )
      continue
    }
    const problem = findRunProblem(bytes, baseOffset, entry, summary)
    if (problem) yield error(entryPlace, problem)
  }
}

/** Checks every batch of an entry, CRC included, and what the entry says of them. */
function findRunProblem(
  bytes: Uint8Array,
  baseOffset: Offset,
  entry: IndexEntry,
  summary: VerifySummary,
): string | undefined {
  let covered = 0
  let records = 0
  let maxTimestampMs = -1
  const boundaries = new Map<number, number>()
  try {
    for (const { position, header, span } of batchesOf(bytes, baseOffset)) {
      boundaries.set(position, covered)
      covered += span
      records += header.recordCount
      maxTimestampMs = Math.max(maxTimestampMs, header.maxTimestamp)
      summary.batches += 1
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    // What to do about it, verify's own lines say.
    const told = error.cause instanceof TidemarkError ? error.cause : error
    return told instanceof DamagedBatch ? `${told.damage}.` : told.message
  }
  summary.records += records
  summary.bytes += bytes.length
  if (covered !== entry.span) return `covers ${covered} offsets; the index says ${entry.span}`
  if (maxTimestampMs !== entry.maxTimestampMs) {
    return `its largest timestamp is ${maxTimestampMs}; the index says ${entry.maxTimestampMs}`
  }
  const wrongMark = entry.marks.find(mark => boundaries.get(mark.bytes) !== mark.span)
  if (wrongMark) return `no batch with record ${wrongMark.span} begins at byte ${wrongMark.bytes}`
  return undefined
}

/** Whether a topic that had no log went away while we looked. */
async function isDeleted(ports: Ports, name: string, topicId: string): Promise<boolean> {
  const item = await ports.topics.get(name)
  return item?.topicId !== topicId || item.state !== 'live'
}

function error(place: string, problem: string): Finding {
  return { severity: 'error', place, problem }
}

function leftover(place: string, problem: string): Finding {
  return { severity: 'leftover', place, problem }
}
