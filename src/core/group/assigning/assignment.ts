import type { AssignorName, GroupTopic, Member, Target } from '../group.ts'
import { type Subscription, subscribedTopicsOf } from '../subscribing/subscription.ts'
import type { Assignor } from './assignor.ts'
import { assignSticky } from './cooperative-sticky.ts'
import { assignRange } from './range.ts'
import { assignRoundRobin } from './round-robin.ts'

export type AssignedMember = Subscription & Pick<Member, 'memberId' | 'instanceId'>

const ASSIGNORS: Readonly<Record<AssignorName, Assignor>> = {
  range: assignRange,
  'round-robin': assignRoundRobin,
  'cooperative-sticky': assignSticky,
}

/**
 * Who is to own what. Every partition of every topic that anybody subscribes to goes to one of its subscribers. It
 * follows from the arguments alone, whatever their order. Only cooperative-sticky looks at the target before.
 */
export function assign(
  assignor: AssignorName,
  members: readonly AssignedMember[],
  topics: readonly GroupTopic[],
  previous: Target,
): Target {
  const subscribed = subscribedTopicsOf([...members].sort(byServing), topics)
  const subscribers = [...subscribed].map(([{ memberId }, of]) => ({ memberId, topics: of }))
  return ASSIGNORS[assignor](subscribers, previous)
}

/** The assignor that most members name; of several, the first by name. cooperative-sticky where there are no members. */
export function chooseAssignor(members: readonly Pick<Member, 'assignor'>[]): AssignorName {
  const names = Object.keys(ASSIGNORS).sort() as AssignorName[]
  const votes = new Map(names.map(name => [name, 0]))
  for (const { assignor } of members) votes.set(assignor, votes.get(assignor)! + 1)
  return names.reduce((best, name) => (votes.get(name)! > votes.get(best)! ? name : best))
}

/**
 * Static members first, by their instance ids, so that range and round-robin give them the same when they return.
 * Source: org.apache.kafka.clients.consumer.internals.AbstractPartitionAssignor.MemberInfo.compareTo
 */
function byServing(one: AssignedMember, other: AssignedMember): number {
  if ((one.instanceId === null) !== (other.instanceId === null)) return one.instanceId === null ? 1 : -1
  const [first, second] =
    one.instanceId === null || other.instanceId === null
      ? [one.memberId, other.memberId]
      : [one.instanceId, other.instanceId]
  if (first === second) return 0
  return first < second ? -1 : 1
}
