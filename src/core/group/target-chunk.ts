import { ByteReader, ByteWriter } from '../bytes.ts'
import { TidemarkError } from '../errors.ts'
import { TARGET_CHUNK_BYTES_MAX, TARGET_CHUNK_ITEMS_MAX, TARGET_SHARE_BYTES_MAX } from '../limits.ts'
import { murmur2 } from '../topic/partitioner.ts'
import type { Target, TopicShare } from './group.ts'

/** A part of a target: some members, and what each is to own. Members without partitions are left out. */
export type TargetChunk = ReadonlyMap<string, readonly TopicShare[]>

/** The chunk that holds a member's share, of so many: it follows from the id alone. */
export function chunkOf(memberId: string, chunks: number): number {
  return (murmur2(Buffer.from(memberId)) >>> 0) % chunks
}

/**
 * A target in few chunks, one at least; the member `m` is in the chunk `chunkOf(m, chunks.length)`.
 * @throws POLICY_VIOLATION where one member's share is larger than an item can be: some 20,000 topics
 */
export function splitTarget(target: Target): TargetChunk[] {
  const members = [...target].filter(([, shares]) => shares.length > 0).sort(byMemberId)
  const whole = new Map(members)
  if (fits(whole)) return [whole]
  // Nothing helps where one member alone is too much.
  if (members.every(member => fits(new Map([member])))) {
    // Ids spread by chance, so a few chunks more may be needed than their sizes say.
    let count = Math.ceil(encodeTargetChunk(whole).length / TARGET_CHUNK_BYTES_MAX)
    for (; count <= TARGET_CHUNK_ITEMS_MAX; count += Math.ceil(count / 8)) {
      const chunks = Array.from({ length: count }, () => new Map<string, readonly TopicShare[]>())
      for (const [memberId, shares] of members) chunks[chunkOf(memberId, count)]!.set(memberId, shares)
      if (chunks.every(fits)) return chunks
    }
  }
  throw new TidemarkError(
    'POLICY_VIOLATION',
    'The members of this group have more topics than can be stored. Add members, or let them subscribe to fewer topics.',
  )
}

function fits(chunk: TargetChunk): boolean {
  const bytes = encodeTargetChunk(chunk).length
  return bytes <= TARGET_CHUNK_BYTES_MAX || (chunk.size === 1 && bytes <= TARGET_SHARE_BYTES_MAX)
}

/** Every topic id stands once, before the members; partitions are differences. The same chunk makes the same bytes. */
export function encodeTargetChunk(chunk: TargetChunk): Uint8Array {
  const topicIds = [...new Set([...chunk.values()].flat().map(({ topicId }) => topicId))].sort()
  const indexes = new Map(topicIds.map((topicId, index) => [topicId, index]))
  const writer = new ByteWriter().byte(TARGET_CHUNK_VERSION).number(topicIds.length)
  for (const topicId of topicIds) writeName(writer, topicId)
  for (const [memberId, shares] of [...chunk].sort(byMemberId)) {
    writeName(writer, memberId)
    writer.number(shares.length)
    for (const { topicId, partitions } of shares) {
      writer.number(indexes.get(topicId)!).number(partitions.length)
      let next = 0
      for (const partition of partitions) {
        writer.number(partition - next)
        next = partition + 1
      }
    }
  }
  return writer.finish()
}

/** @throws RangeError when the bytes are no chunk of a version that is known */
export function decodeTargetChunk(bytes: Uint8Array): TargetChunk {
  const reader = new ByteReader(bytes)
  const version = reader.byte()
  if (version !== TARGET_CHUNK_VERSION)
    throw new RangeError(`a target chunk of version ${version} is not known`)
  const topicIds = Array.from({ length: readCount(reader) }, () => readName(reader))
  const chunk = new Map<string, readonly TopicShare[]>()
  while (!reader.isAtEnd) {
    const memberId = readName(reader)
    const shares = Array.from({ length: readCount(reader) }, (): TopicShare => {
      const topicId = topicIds[reader.number()]
      if (topicId === undefined) throw new RangeError('a target chunk names a topic that it does not list')
      let next = 0
      const partitions = Array.from({ length: readCount(reader) }, () => {
        const partition = next + reader.number()
        next = partition + 1
        return partition
      })
      return { topicId, partitions }
    })
    chunk.set(memberId, shares)
  }
  return chunk
}

const TARGET_CHUNK_VERSION = 1

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Topic ids are UUIDs and member ids mostly: 16 bytes instead of 36. */
function writeName(writer: ByteWriter, name: string): void {
  if (UUID.test(name)) writer.number(0).id(name.replaceAll('-', ''))
  else {
    const bytes = Buffer.from(name)
    writer.number(bytes.length + 1).raw(bytes)
  }
}

function readName(reader: ByteReader): string {
  const length = reader.number()
  if (length > 0) return Buffer.from(reader.raw(length - 1)).toString()
  const id = reader.id()
  return [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-')
}

/** A count of things that have a byte each at least: more than the largest chunk holds is nonsense. */
function readCount(reader: ByteReader): number {
  const count = reader.number()
  if (count > TARGET_SHARE_BYTES_MAX) throw new RangeError(`a target chunk cannot hold ${count} of anything`)
  return count
}

function byMemberId([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
