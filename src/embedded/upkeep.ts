import { changeIngest, openIngest } from '../broker/ingest/change-ingest.ts'
import { type Rebuilding, RebuildSummary, rebuild } from '../broker/rebuilding/rebuild.ts'
import { type Budget, halfwayMs, TimeIsOver } from '../broker/settling/budget.ts'
import { flush } from '../broker/settling/flush.ts'
import { type Maintained, maintain, type PartitionPlace, type Progress } from '../broker/settling/maintain.ts'
import { settlingSettings } from '../broker/settling/settling-settings.ts'
import { inGroups } from '../broker/store-calls/in-groups.ts'
import { type InspectedPart, inspectObject } from '../broker/verifying/inspect-object.ts'
import { type Inspected, inspectPartition } from '../broker/verifying/inspect-partition.ts'
import { noteStrays } from '../broker/verifying/note-strays.ts'
import { FLUSH_DEADLINE_MS, FLUSH_PARTITIONS_MAX, FUNCTION_RUN_MS_MAX } from '../core/limits.ts'
import { type PartitionId, partitionsOf } from '../core/topic/partition-id.ts'
import type { Ports } from '../ports/index.ts'
import { type Embedded, portsOf } from './running-broker.ts'

export type { Rebuilding, RebuildSummary } from '../broker/rebuilding/rebuild.ts'
export type { Maintained, Progress } from '../broker/settling/maintain.ts'
export type { InspectedPart } from '../broker/verifying/inspect-object.ts'
export type { Inspected } from '../broker/verifying/inspect-partition.ts'

/** How a store is looked after by hand. */
export interface MaintainStore {
  /** How long an object stays that nothing needs any more, in milliseconds; left out: an hour. */
  readonly graceMs?: number
  /** Everything is rolled, also what is in tails, however little it is and however new. */
  readonly isAll?: boolean
  /** All objects are looked through for those that nothing names, and no work of the store's own has left. */
  readonly isDeep?: boolean
  /** What an index that was made anew does not know of need not be kept any longer. */
  readonly releases?: boolean
  /** Of these partitions, offsets whose object is not there are given up. */
  readonly acceptsLossOf?: readonly PartitionPlace[]
}

/**
 * Does what is due in a store, until nothing is left that could be done now, or `signal` aborts; then `isDone` is false, and
 * whoever comes next goes on.
 * @param report told of each step
 */
export async function maintainStore(
  store: Embedded,
  { graceMs, isAll = false, isDeep = false, releases = false, acceptsLossOf = [] }: MaintainStore,
  signal: AbortSignal,
  report: (progress: Progress) => void,
): Promise<Maintained & { readonly strays: number }> {
  const ports = { ...portsOf(store), ending: signal }
  if (releases) await releaseHeld(ports)
  if (isAll) await cutTails(ports, signal, report)
  const strays = isDeep ? await noteStrays(ports) : 0
  const settings = settlingSettings(graceMs === undefined ? {} : { graceMs })
  const sums = { rolledBytes: 0, mergedBytes: 0, compactedBytes: 0, expiredBytes: 0, deletedObjects: 0 }
  for (;;) {
    const deadlineMs = ports.clock.monotonicMs() + FUNCTION_RUN_MS_MAX
    const request = { upkeep: true, isForced: isAll, acceptsLossOf }
    const run = await maintain(ports, settings, request, untilAborted(ports, deadlineMs, signal), report)
    sums.rolledBytes += run.rolledBytes
    sums.mergedBytes += run.mergedBytes
    sums.compactedBytes += run.compactedBytes
    sums.expiredBytes += run.expiredBytes
    sums.deletedObjects += run.deletedObjects
    if (run.isDone || signal.aborted)
      return { ...run, ...sums, isDone: run.isDone && !signal.aborted, strays }
  }
}

function untilAborted({ clock }: Ports, deadlineMs: number, signal: AbortSignal): Budget {
  return {
    deadlineMs,
    mapUntilMs: halfwayMs(clock, deadlineMs),
    pace: async () => {
      if (signal.aborted) throw new TimeIsOver('somebody has interrupted it')
    },
  }
}

async function releaseHeld(ports: Ports): Promise<void> {
  const deadlineMs = ports.clock.monotonicMs() + FLUSH_DEADLINE_MS
  const ingest = await openIngest(ports, deadlineMs)
  if (ingest.heldBelow > 0) await changeIngest(ports, ingest, { heldBelow: 0 }, deadlineMs)
}

/** So that a roll takes what is in them. What could not be cut is told: then not all is rolled. */
async function cutTails(
  ports: Ports,
  signal: AbortSignal,
  report: (progress: Progress) => void,
): Promise<void> {
  for await (const group of inGroups(livePartitions(ports), FLUSH_PARTITIONS_MAX)) {
    if (signal.aborted) return
    // What is inline, and then what lies in objects behind it.
    for (const age of ['all', { epochsBelow: Number.POSITIVE_INFINITY }] as const) {
      const requests = group.map(partition => ({ partition, age }))
      const cuts = await flush(ports, requests, ports.clock.monotonicMs() + FLUSH_DEADLINE_MS)
      for (const cut of cuts) if (cut.status === 'rejected') report({ kind: 'trouble', error: cut.reason })
    }
  }
}

async function* livePartitions({ topics }: Ports): AsyncGenerator<PartitionId> {
  for await (const topic of topics.list()) if (topic.state === 'live') yield* partitionsOf(topic)
}

/** Makes the index anew from the segments. @throws TidemarkError INVALID_REQUEST where it is not lost */
export function rebuildIndex(store: Embedded): { told: AsyncIterable<Rebuilding>; summary: RebuildSummary } {
  const summary = new RebuildSummary()
  return { told: rebuild(portsOf(store), summary), summary }
}

/** An object's footer and batches; nothing where it is not there. */
export function inspectStoreObject(
  store: Embedded,
  key: string,
  settings: { readonly withBatches: boolean },
): AsyncIterable<InspectedPart> {
  return inspectObject(portsOf(store), key, settings)
}

/** What the index has of a partition; undefined where there is no such topic or partition. */
export async function inspectStorePartition(
  store: Embedded,
  topic: string,
  partition: number,
): Promise<AsyncIterable<Inspected> | undefined> {
  const ports = portsOf(store)
  const item = await ports.topics.get(topic)
  if (item?.state !== 'live' || partition >= item.partitions) return undefined
  return inspectPartition(ports, { topicId: item.topicId, partition })
}
