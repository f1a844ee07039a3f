import { deadNote } from '../../core/garbage.ts'
import { ORPHAN_AGE_MS } from '../../core/limits.ts'
import { LOG_OBJECTS_PREFIX, parseLogObjectKey } from '../../core/storage-layout.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { LogObjects } from './log-objects.ts'

/**
 * Looks through all objects of all logs for those that no item and no note names, and notes them, so that they are collected a
 * grace later. No work of a store's own leaves such; a table that was restored to an earlier point does. What is of a topic that
 * the index does not know is left alone. Tells how many were noted.
 */
export async function noteStrays(ports: Ports): Promise<number> {
  const { clock, entropy, objects, topics, upkeep } = ports
  const startedMs = clock.nowMs()
  const known = new Map<string, TopicItem>()
  for await (const topic of topics.list()) known.set(topic.topicId, topic)
  const logObjects = new LogObjects(ports, known)
  let noted = 0
  const note = async (strays: readonly ObjectInfo[]) => {
    for (const { key } of strays) {
      await upkeep.putNote(deadNote(key, clock.nowMs(), 1, entropy.id()))
      noted += 1
    }
  }
  for await (const object of objects.list(LOG_OBJECTS_PREFIX)) {
    const place = parseLogObjectKey(object.key)
    if (!place || !known.has(place.partition.topicId)) continue
    if (startedMs - object.modifiedMs >= ORPHAN_AGE_MS) await note(await logObjects.look(object))
  }
  await note(await logObjects.finish())
  return noted
}
