import type { FoundMember, MemberName } from '../../contract/groups.ts'
import type { Claim } from '../../core/group/group.ts'
import { checkGroupId, checkMember, storedMemberId } from '../../core/group/identity.ts'
import { changeOwner } from './claims.ts'
import { type GroupCall, readGroup } from './group-call.ts'
import { readAllTopics } from './group-topics.ts'

/**
 * A member of a group that is no classic one, with what it owns; undefined: there is none. What a static one owns it claims anew:
 * the process that had its name before may still have some of that, and whoever asks does not know which.
 */
export async function findMember(call: GroupCall, name: MemberName): Promise<FoundMember | undefined> {
  checkGroupId(name.groupId)
  checkMember(name)
  const group = await readGroup(call)
  if (!group || group.classic) return undefined
  const stored = storedMemberId(name.memberId, name.instanceId)
  const member = await call.read(() => call.groups.readMember(call.groupId, stored))
  if (!member || member.incarnation !== name.memberId) return undefined
  const claims = await call.readAll(() => call.groups.claims(call.groupId))
  const found = claims.filter(({ owner }) => owner === stored)
  const own = member.instanceId === null ? found : await claimAnew(call, stored, found)
  // Somebody may have taken its place in between, and is told then that its claims are not what it was told.
  if (own !== found && (await incarnationOf(call, stored)) !== name.memberId) return undefined
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

async function claimAnew(call: GroupCall, stored: string, claims: readonly Claim[]): Promise<Claim[]> {
  const anew = await call.forEach(claims, claim => changeOwner(call, claim, stored, claim))
  return anew.filter(claim => claim !== undefined)
}

async function incarnationOf(call: GroupCall, stored: string): Promise<string | undefined> {
  return (await call.read(() => call.groups.readMember(call.groupId, stored)))?.incarnation
}
