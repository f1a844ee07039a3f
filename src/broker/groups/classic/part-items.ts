import type { ClassicGroup, ClassicMember } from '../../../core/group/classic/classic-group.ts'
import { decodeProtocols, type PartName, readPart, splitParts } from '../../../core/group/classic/parts.ts'
import type { GroupCall } from '../group-call.ts'

/** Puts bytes in as many items as they need. May be repeated. */
export async function putParts(
  call: GroupCall,
  nameOf: (part: number) => PartName,
  bytes: Uint8Array,
): Promise<void> {
  await call.forEach([...splitParts(bytes).entries()], ([part, item]) =>
    call.write(() => call.groups.putPart(call.groupId, nameOf(part), item)),
  )
}

/** What was put under these names; undefined: it is gone, so that a later generation stands. */
export async function readParts(
  call: GroupCall,
  nameOf: (part: number) => PartName,
): Promise<Uint8Array | undefined> {
  const read = async (part: number) => {
    const item = await call.read(() => call.groups.readPart(call.groupId, nameOf(part)))
    return item && readPart(item)
  }
  const first = await read(0)
  if (!first) return undefined
  const others = await call.forEach(
    Array.from({ length: first.count - 1 }, (_, index) => index + 1),
    read,
  )
  const contents = [first, ...others].map(part => part?.content)
  return contents.every(content => content !== undefined) ? Buffer.concat(contents) : undefined
}

/** What each member has said under this protocol; undefined: some of it is gone, so that it is another group by now. */
export async function readAllMetadata(
  call: GroupCall,
  members: readonly ClassicMember[],
  protocolName: string,
): Promise<Map<string, Uint8Array> | undefined> {
  const items = await call.readAll(() => call.groups.parts(call.groupId, 'joined'))
  const found = new Map<string, Uint8Array[]>()
  for (const { name, bytes } of items) {
    const key = `${name.generation} ${name.id}`
    const parts = found.get(key) ?? []
    parts[name.part] = bytes
    found.set(key, parts)
  }
  const metadata = new Map<string, Uint8Array>()
  for (const { memberId, metadata: place } of members) {
    const parts = (found.get(`${place.generation} ${place.id}`) ?? []).map(readPart)
    // Of what broke off, or was put twice, some may be there that does not belong to it.
    const whole = parts.slice(0, parts[0]?.count ?? 0)
    if (whole.length === 0 || whole.length < parts[0]!.count) return undefined
    const protocols = decodeProtocols(Buffer.concat(whole.map(({ content }) => content)))
    const own = protocols.find(({ name }) => name === protocolName)
    metadata.set(memberId, own?.metadata ?? new Uint8Array(0))
  }
  return metadata
}

/** Removes what earlier generations have left and this one does not name. What fails is left to the next one. */
export async function sweepParts(call: GroupCall, { generation, members }: ClassicGroup): Promise<void> {
  const kept = new Set(members.map(({ metadata }) => metadata.id))
  const none = new Set<string>()
  const sweep = Promise.all([
    call.write(() => call.groups.removeOlderParts(call.groupId, 'joined', generation, kept)),
    call.write(() => call.groups.removeOlderParts(call.groupId, 'assigned', generation, none)),
  ])
  await sweep.catch(() => {})
}
