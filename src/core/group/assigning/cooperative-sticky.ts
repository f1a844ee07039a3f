import type { GroupTopic, Target } from '../group.ts'
import { byName } from '../subscribing/subscription.ts'
import type { Subscriber } from './assignor.ts'
import { Shares } from './shares.ts'
import { type TopicClass, toTopicClasses } from './topic-class.ts'

/**
 * Every member keeps what it had, as far as balance permits. What nobody has goes to whoever has least; then the
 * member with most gives to one with two less or fewer, one partition after the other, until no such move is left.
 * Where all subscribe to the same topics, all get as many, give or take one, with as few moves as that takes.
 */
export function assignSticky(subscribers: readonly Subscriber[], previous: Target): Target {
  const holdings = toTopicClasses(subscribers).map(toHolding)
  const loads = subscribers.map(() => 0)
  keepPrevious(holdings, subscribers, loads, previous)
  // Those with the least choice first: what is left then can go anywhere.
  for (const holding of [...holdings].sort((one, other) => one.members.length - other.members.length)) {
    placeUnowned(holding, loads)
  }
  balance(holdings, loads)
  const shares = new Shares()
  for (const { placesOf } of holdings) {
    for (const [member, places] of placesOf) {
      for (const { topic, partition } of places) shares.add(subscribers[member]!.memberId, topic, partition)
    }
  }
  return shares.toTarget()
}

interface Place {
  readonly topic: GroupTopic
  readonly partition: number
}

interface ClassHolding extends TopicClass {
  /** By the subscriber's index; at the end stands what it can give away at the least loss. */
  readonly placesOf: ReadonlyMap<number, Place[]>
  readonly takenOf: ReadonlyMap<GroupTopic, Set<number>>
}

function toHolding({ topics, members }: TopicClass): ClassHolding {
  return {
    topics,
    members,
    placesOf: new Map(members.map(member => [member, []])),
    takenOf: new Map(topics.map(topic => [topic, new Set()])),
  }
}

function keepPrevious(
  holdings: readonly ClassHolding[],
  subscribers: readonly Subscriber[],
  loads: number[],
  previous: Target,
): void {
  const byTopicId = new Map(
    holdings.flatMap(holding => holding.topics.map(topic => [topic.topicId, { holding, topic }] as const)),
  )
  for (const [member, { memberId }] of subscribers.entries()) {
    for (const { topicId, partitions } of previous.get(memberId) ?? []) {
      const known = byTopicId.get(topicId)
      const places = known?.holding.placesOf.get(member)
      if (!known || !places) continue
      const taken = known.holding.takenOf.get(known.topic)!
      for (const partition of partitions) {
        if (partition >= known.topic.partitions || taken.has(partition)) continue
        taken.add(partition)
        places.push({ topic: known.topic, partition })
        loads[member]! += 1
      }
    }
  }
  // Given away from the end: of each topic some, rather than all of one, since topics are not equally busy.
  for (const { placesOf } of holdings) {
    for (const places of placesOf.values()) {
      places.sort((one, other) => one.partition - other.partition || byName(one.topic, other.topic))
    }
  }
}

function placeUnowned({ topics, members, placesOf, takenOf }: ClassHolding, loads: number[]): void {
  for (const topic of topics) {
    const taken = takenOf.get(topic)!
    for (let partition = 0; partition < topic.partitions; partition += 1) {
      if (taken.has(partition)) continue
      const member = leastLoaded(members, loads)
      placesOf.get(member)!.push({ topic, partition })
      loads[member]! += 1
    }
  }
}

/** Ends, since every move makes the sum of the squares of all loads smaller. */
function balance(holdings: readonly ClassHolding[], loads: number[]): void {
  const holdingsOf: ClassHolding[][] = loads.map(() => [])
  for (const holding of holdings) for (const member of holding.members) holdingsOf[member]!.push(holding)
  const candidates = new Set(loads.keys())
  let hasMoved = false
  for (;;) {
    if (candidates.size === 0) {
      if (!hasMoved) return
      // Who could not give before may be able to now that others have given.
      for (const member of loads.keys()) candidates.add(member)
      hasMoved = false
    }
    const giver = mostLoaded(candidates, loads)
    const move = findMove(holdingsOf[giver]!, giver, loads)
    if (move) {
      move.placesOf.get(move.taker)!.push(move.placesOf.get(giver)!.pop()!)
      loads[giver]! -= 1
      loads[move.taker]! += 1
      hasMoved = true
    } else {
      candidates.delete(giver)
    }
  }
}

interface Move {
  readonly placesOf: ClassHolding['placesOf']
  readonly taker: number
}

/** The move from this member that evens out most, if there is one that does not just turn things round. */
function findMove(
  holdings: readonly ClassHolding[],
  giver: number,
  loads: readonly number[],
): Move | undefined {
  let best: Move | undefined
  for (const { members, placesOf } of holdings) {
    if (placesOf.get(giver)!.length === 0) continue
    const taker = leastLoaded(members, loads)
    if (loads[taker]! > loads[giver]! - 2) continue
    if (!best || loads[taker]! < loads[best.taker]!) best = { placesOf, taker }
  }
  return best
}

/** Of members with as little the first. */
function leastLoaded(members: readonly number[], loads: readonly number[]): number {
  let best = members[0]!
  for (const member of members) if (loads[member]! < loads[best]!) best = member
  return best
}

/** Of members with as much the first. */
function mostLoaded(members: Iterable<number>, loads: readonly number[]): number {
  let best: number | undefined
  for (const member of members) {
    if (best === undefined || loads[member]! > loads[best]!) best = member
    else if (loads[member] === loads[best] && member < best) best = member
  }
  return best!
}
