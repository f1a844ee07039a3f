import { type Offset, toOffset, toPosition } from '../../core/numbers.ts'
import type { FoundSegment } from '../../core/segment/choose-chain.ts'
import {
  decodeFooter,
  type Footer,
  type FooterTopic,
  TRAILER_BYTES,
  trailerOf,
} from '../../core/segment/footer.ts'
import { logObjectsPrefix, parseLogObjectKey, parseStartMarkerKey } from '../../core/storage-layout.ts'
import type { Ports } from '../../ports/index.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { retryUntil } from '../store-calls/retry.ts'

/** So much of an object's end is read at first: most footers are in it whole. */
const END_BYTES = 64 * 1024
const FOOTERS_PARALLEL = 16

/** What the objects of a topic say of it. */
export interface FoundTopic {
  /** As the object that was written last has it; undefined where no object can be read. */
  readonly facts: FooterTopic | undefined
  readonly logs: ReadonlyMap<number, FoundLog>
  readonly objects: number
}

/** What the objects of a partition say of it. */
export interface FoundLog {
  readonly segments: readonly FoundSegment[]
  /** Where the log starts at least. */
  readonly startOffset: Offset
  /** What is no segment, though it has the name of one; with the reason. */
  readonly unreadable: readonly { readonly key: string; readonly problem: string }[]
}

/** Reads the footers of all objects of a topic. */
export async function findTopic(ports: Ports, topicId: string, deadlineMs: number): Promise<FoundTopic> {
  const logs = new Map<
    number,
    { segments: FoundSegment[]; startOffset: Offset; unreadable: { key: string; problem: string }[] }
  >()
  const newest: { facts?: FooterTopic; modifiedMs: number } = { modifiedMs: -1 }
  let objects = 0
  const logOf = (partition: number) => {
    const log = logs.get(partition) ?? { segments: [], startOffset: toOffset(0), unreadable: [] }
    logs.set(partition, log)
    return log
  }
  const take = async (group: readonly ObjectInfo[]) => {
    const footers = await fewAtATime(group, FOOTERS_PARALLEL, object =>
      readFooterOf(ports, object, deadlineMs),
    )
    for (const [at, object] of group.entries()) {
      const found = footers[at]!
      const { partition, id } = parseLogObjectKey(object.key)!
      const log = logOf(partition.partition)
      const problem = typeof found === 'string' ? found : findForeign(found, topicId, partition.partition, id)
      if (typeof found === 'string' || problem !== undefined) {
        log.unreadable.push({ key: object.key, problem: problem ?? '' })
        continue
      }
      const { level, segment, cleanTo, passEnd } = found
      log.segments.push({ level, segment, cleanTo, passEnd })
      if (object.modifiedMs < newest.modifiedMs) continue
      newest.modifiedMs = object.modifiedMs
      newest.facts = found.topic
    }
  }
  let group: ObjectInfo[] = []
  for await (const object of ports.objects.list(logObjectsPrefix(topicId))) {
    objects += 1
    const marker = parseStartMarkerKey(object.key)
    if (marker) {
      const log = logOf(marker.partition.partition)
      log.startOffset = toOffset(Math.max(log.startOffset, marker.startOffset))
    } else if (parseLogObjectKey(object.key)) group.push(object)
    if (group.length < FOOTERS_PARALLEL) continue
    await take(group)
    group = []
  }
  await take(group)
  return { facts: newest.facts, logs, objects }
}

/** What stands at an object's end; a text: why that is no footer. */
export async function readFooterOf(
  ports: Ports,
  { key, bytes }: ObjectInfo,
  deadlineMs: number,
): Promise<Footer | string> {
  const readEnd = async (length: number) => {
    const position = toPosition(Math.max(0, bytes - length))
    const read = () => ports.objects.get(key, position, bytes - position)
    return await retryUntil(ports, deadlineMs, 'no', read)
  }
  let end = await readEnd(END_BYTES)
  if (!end || end.length < TRAILER_BYTES) return 'it does not end with a footer'
  const trailer = trailerOf(end)
  if (!trailer || trailer.footerBytes > bytes) return 'it does not end with a footer'
  if (trailer.footerBytes > end.length) end = await readEnd(trailer.footerBytes)
  try {
    return end ? decodeFooter(end.subarray(end.length - trailer.footerBytes)) : 'it is gone'
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}

/** Whether an object with this name has the footer of another one. */
function findForeign(footer: Footer, topicId: string, partition: number, id: string): string | undefined {
  const isOwn = footer.topic.topicId === topicId && footer.partition === partition && footer.segment.id === id
  return isOwn ? undefined : `its footer is of partition ${footer.partition} of topic ${footer.topic.name}`
}
