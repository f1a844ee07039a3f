import type { FoundMember, MemberName } from '../../contract/groups.ts'
import { checkGroupId, checkMember, storedMemberId } from '../../core/group/identity.ts'
import { type GroupCall, readGroup } from './group-call.ts'
import { readAllTopics } from './group-topics.ts'

/** A member of a group that is no classic one, with what it owns; undefined: there is none. */
export async function findMember(call: GroupCall, name: MemberName): Promise<FoundMember | undefined> {
  checkGroupId(name.groupId)
  checkMember(name)
  const group = await readGroup(call)
  if (!group || group.classic) return undefined
  const stored = storedMemberId(name.memberId, name.instanceId)
  const member = await call.read(() => call.groups.readMember(call.groupId, stored))
  if (!member || member.incarnation !== name.memberId) return undefined
  const claims = await call.readAll(() => call.groups.claims(call.groupId))
  const own = claims.filter(({ owner }) => owner === stored)
  const names = new Map(
    (own.length === 0 ? [] : await readAllTopics(call)).map(({ topicId, name }) => [topicId, name]),
  )
  const { topics, topicPattern, assignor } = member
  return {
    memberEpoch: group.epoch,
    topics: [...topics],
    topicPattern,
    assignor,
    owned: own.flatMap(({ topicId, partition, generation }) => {
      const topic = names.get(topicId)
      return topic === undefined ? [] : { topic, topicId, partition, generation }
    }),
  }
}
