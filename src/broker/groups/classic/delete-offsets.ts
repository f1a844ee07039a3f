import type { DeleteOffsets } from '../../../contract/classic-groups.ts'
import type { CommittedPartition } from '../../../contract/groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { CONSUMER_PROTOCOL_TYPE, subscribedTopicsIn } from '../../../core/group/classic/consumer-protocol.ts'
import { checkGroupId } from '../../../core/group/identity.ts'
import { subscribedTopics } from '../../../core/group/subscribing/subscription.ts'
import { errorOf } from '../commit-offsets.ts'
import { type GroupCall, readGroup, unknownGroup } from '../group-call.ts'
import { readLiving } from '../group-state.ts'
import { readAllTopics } from '../group-topics.ts'
import { readGroupTriggers } from '../group-triggers.ts'
import { describeClassic } from './describe-classic.ts'

/** Forgets what a group has committed, of topics that none of its members subscribes to. */
export async function deleteOffsets(
  call: GroupCall,
  { groupId, partitions }: DeleteOffsets,
): Promise<CommittedPartition[]> {
  checkGroupId(groupId)
  if (!(await readGroup(call))) throw unknownGroup(groupId)
  const isSubscribed = await subscribedBy(call)
  return await call.forEach(partitions, async ({ topic, partition }) => ({
    topic,
    partition,
    error: await errorOf(deleteOne(call, topic, partition, isSubscribed)),
  }))
}

/**
 * Whether somebody of the group subscribes to a topic.
 * @throws NON_EMPTY_GROUP where nobody can tell, since its members bring what only they understand
 */
async function subscribedBy(call: GroupCall): Promise<(topic: string) => boolean> {
  const triggers = await readGroupTriggers(call)
  const triggered = new Set(triggers.map(({ topic }) => topic))
  const classic = await describeClassic(call)
  if (!classic) {
    const members = await readLiving(call, call.groupId)
    const topics = members.length === 0 ? [] : await readAllTopics(call)
    const subscribed = members.flatMap(member => subscribedTopics(member, topics))
    const names = new Set([...triggered, ...subscribed.map(({ name }) => name)])
    return topic => names.has(topic)
  }
  if (classic.members.length === 0) return topic => triggered.has(topic)
  if (classic.protocolType !== CONSUMER_PROTOCOL_TYPE) {
    throw new TidemarkError('NON_EMPTY_GROUP', 'The group has members: stop them first.')
  }
  const named = classic.members.map(({ metadata }) => subscribedTopicsIn(metadata))
  // While they join, what they bring is not known to all, and may change.
  const isKnown = classic.state === 'Stable' && named.every(topics => topics !== undefined)
  const names = new Set(named.flatMap(topics => topics ?? []))
  return topic => !isKnown || names.has(topic)
}

async function deleteOne(
  call: GroupCall,
  topic: string,
  partition: number,
  isSubscribed: (topic: string) => boolean,
): Promise<void> {
  if (isSubscribed(topic)) {
    throw new TidemarkError(
      'GROUP_SUBSCRIBED_TO_TOPIC',
      `Members of the group subscribe to ${JSON.stringify(topic)}: stop them first.`,
    )
  }
  const id = await call.read(() => call.directory.resolvePartition(topic, partition, undefined))
  await call.write(async () => {
    for (;;) {
      const claim = await call.groups.readClaim(call.groupId, id)
      if (!claim || (await call.groups.removeClaim(call.groupId, claim))) return
    }
  })
}
