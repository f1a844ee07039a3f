import type { Group, Target, TopicShare } from '../../core/group/group.ts'
import { chunkOf, splitTarget } from '../../core/group/target-chunk.ts'
import { targetIdOf } from '../../core/storage-layout.ts'
import type { GroupCall } from './group-call.ts'

/** A member's share of the group's target; undefined: the chunk that has it is gone. */
export async function readShare(
  call: GroupCall,
  group: Group,
  memberId: string,
): Promise<readonly TopicShare[] | undefined> {
  if (group.targetChunks === 0) return []
  const chunk = await readChunk(call, group, chunkOf(memberId, group.targetChunks))
  return chunk && (chunk.get(memberId) ?? [])
}

/** The whole target, as far as its chunks are there. */
export async function readTarget(call: GroupCall, group: Group): Promise<Target> {
  const numbers = Array.from({ length: group.targetChunks }, (_, chunk) => chunk)
  const chunks = await call.forEach(numbers, chunk => readChunk(call, group, chunk))
  return new Map(chunks.flatMap(chunk => [...(chunk ?? [])]))
}

/** Puts a target's chunks under an id of their own, where they mean nothing until the group names them. */
export async function putTarget(
  call: GroupCall,
  epoch: number,
  target: Target,
): Promise<{ targetId: string; targetChunks: number }> {
  const targetId = targetIdOf(epoch, call.ports.entropy.id())
  const chunks = splitTarget(target)
  await call.forEach([...chunks.entries()], ([number, chunk]) =>
    call.write(() => call.groups.putTargetChunk(call.groupId, targetId, number, chunk)),
  )
  return { targetId, targetChunks: chunks.length }
}

function readChunk(call: GroupCall, { targetId }: Group, chunk: number) {
  return call.read(() => call.groups.readTargetChunk(call.groupId, targetId, chunk))
}
