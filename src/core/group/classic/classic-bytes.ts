import { ByteReader, ByteWriter } from '../../bytes.ts'
import type { Barrier, ClassicGroup, ClassicMember, PendingMember, Phase } from './classic-group.ts'

const VERSION = 1
const PHASES: readonly Phase[] = ['empty', 'joining', 'syncing', 'stable']

/** All that stands in a group's own item of a classic group. Every list of protocols stands once, before the members. */
export function encodeClassicGroup(group: ClassicGroup): Uint8Array {
  const lists = [...new Set(group.members.map(({ protocols }) => JSON.stringify(protocols)))]
  const writer = new ByteWriter()
    .byte(VERSION)
    .id(group.version)
    .number(group.generation)
    .byte(PHASES.indexOf(group.phase))
  writeText(writer, group.protocolType)
  writeText(writer, group.protocolName)
  writeText(writer, group.leader)
  writer.byte(group.assignmentId === null ? 0 : 1)
  if (group.assignmentId !== null) writer.id(group.assignmentId)
  writeBarrier(writer, group.barrier)
  writer.number(lists.length)
  for (const list of lists) {
    const protocols: string[] = JSON.parse(list)
    writer.number(protocols.length)
    for (const protocol of protocols) writeText(writer, protocol)
  }
  writer.number(group.members.length)
  for (const member of group.members) writeMember(writer, member, lists)
  writer.number(group.pending.length)
  for (const { memberId, untilMs } of group.pending) {
    writeText(writer, memberId)
    writer.number(untilMs)
  }
  return writer.finish()
}

function writeMember(writer: ByteWriter, member: ClassicMember, lists: readonly string[]): void {
  writeText(writer, member.memberId)
  writeText(writer, member.instanceId)
  writeText(writer, member.assignedAs === member.memberId ? null : member.assignedAs)
  writer
    .number(member.sessionTimeoutMs)
    .number(member.rebalanceTimeoutMs)
    .number(lists.indexOf(JSON.stringify(member.protocols)))
    .number(member.metadata.generation)
    .id(member.metadata.id)
    .byte(member.hasJoined ? 1 : 0)
}

/** @throws RangeError when the bytes are no classic group of a version that is known */
export function decodeClassicGroup(bytes: Uint8Array): ClassicGroup {
  const reader = new ByteReader(bytes)
  const form = reader.byte()
  if (form !== VERSION) throw new RangeError(`a classic group of version ${form} is not known`)
  const version = reader.id()
  const generation = reader.number()
  const phase = PHASES[reader.byte()]
  if (phase === undefined) throw new RangeError('a classic group is in a phase that is not known')
  const protocolType = readText(reader) ?? ''
  const protocolName = readText(reader)
  const leader = readText(reader)
  const assignmentId = reader.byte() === 0 ? null : reader.id()
  const barrier = readBarrier(reader)
  const lists = readMany(reader, bytes, () => readMany(reader, bytes, () => readText(reader) ?? ''))
  const members = readMany(reader, bytes, () => readMember(reader, lists))
  const pending = readMany(
    reader,
    bytes,
    (): PendingMember => ({ memberId: readText(reader) ?? '', untilMs: reader.number() }),
  )
  return {
    version,
    generation,
    phase,
    protocolType,
    protocolName,
    leader,
    assignmentId,
    barrier,
    members,
    pending,
  }
}

function readMember(reader: ByteReader, lists: readonly (readonly string[])[]): ClassicMember {
  const memberId = readText(reader) ?? ''
  const instanceId = readText(reader)
  const assignedAs = readText(reader) ?? memberId
  const sessionTimeoutMs = reader.number()
  const rebalanceTimeoutMs = reader.number()
  const protocols = lists[reader.number()]
  if (!protocols) throw new RangeError('a member has protocols that are not listed')
  const metadata = { generation: reader.number(), id: reader.id() }
  const hasJoined = reader.byte() === 1
  return {
    memberId,
    instanceId,
    assignedAs,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocols,
    metadata,
    hasJoined,
  }
}

/** null is a length of 0; any text has one more than its bytes. */
function writeText(writer: ByteWriter, text: string | null): void {
  if (text === null) {
    writer.number(0)
    return
  }
  const bytes = Buffer.from(text)
  writer.number(bytes.length + 1).raw(bytes)
}

function readText(reader: ByteReader): string | null {
  const length = reader.number()
  return length === 0 ? null : Buffer.from(reader.raw(length - 1)).toString()
}

function writeBarrier(writer: ByteWriter, barrier: Barrier | null): void {
  if (!barrier) writer.byte(0)
  else
    writer
      .byte(barrier.isInitial ? 2 : 1)
      .number(barrier.sinceMs)
      .number(barrier.untilMs)
}

function readBarrier(reader: ByteReader): Barrier | null {
  const kind = reader.byte()
  if (kind === 0) return null
  return { sinceMs: reader.number(), untilMs: reader.number(), isInitial: kind === 2 }
}

/** Whatever there is so many of has a byte each at least. */
function readMany<T>(reader: ByteReader, bytes: Uint8Array, read: () => T): T[] {
  const count = reader.number()
  if (count > bytes.length) throw new RangeError(`a classic group cannot hold ${count} of anything`)
  return Array.from({ length: count }, read)
}
