import { toOffset } from '../../src/core/numbers.ts'
import { DELETED_TOPICS_PREFIX, FORMAT_OBJECT, parseStartMarkerKey } from '../../src/core/storage-layout.ts'
import { partitionKey } from '../../src/core/topic/partition-id.ts'
import type { Ports } from '../../src/ports/index.ts'
import { LogView } from './promises/log-view.ts'

/**
 * What is left in a store at rest that nothing needs, and what is missing that something does: objects that nothing that counts
 * refers to, items that do not count, notes.
 */
export async function leaks({
  index,
  objects,
  upkeep,
}: Pick<Ports, 'index' | 'objects' | 'upkeep'>): Promise<string[]> {
  const problems: string[] = []
  const needed = new Set<string>()
  const starts = new Map<string, number>()
  for await (const partition of index.partitions()) {
    const view = new LogView(partition)
    const key = partitionKey(partition)
    view.head = await index.readHead(partition)
    starts.set(key, view.head?.startOffset ?? -1)
    for (const block of await index.readBlocks(partition, ZERO, Number.MAX_SAFE_INTEGER)) {
      view.blocks.set(block.baseOffset, block)
    }
    for await (const { level, segment } of index.segments(partition)) {
      const standing = view.levels.get(level) ?? new Map()
      view.levels.set(level, standing.set(segment.baseOffset, segment))
    }
    for (const object of view.objects()) needed.add(object)
    for (const stray of view.strays()) problems.push(`stray item: ${key}: ${stray}`)
  }
  const markers = new Set<string>()
  for await (const { key } of objects.list()) {
    if (needed.delete(key) || key.startsWith(DELETED_TOPICS_PREFIX) || key === FORMAT_OBJECT) continue
    const marker = parseStartMarkerKey(key)
    const log = marker ? partitionKey(marker.partition) : ''
    const isOnly = marker && !markers.has(log) && marker.startOffset <= (starts.get(log) ?? -1)
    if (isOnly) markers.add(log)
    else problems.push(`leaked object: ${key}`)
  }
  for (const key of needed) problems.push(`missing object: ${key}`)
  for (const kind of ['intent', 'dead', 'topic'] as const) {
    for await (const note of upkeep.notes(kind)) problems.push(`note left: ${JSON.stringify(note)}`)
  }
  return problems
}

const ZERO = toOffset(0)
