import type { Subscriber } from './assignment.ts'
import type { GroupTopic, Target } from './group.ts'
import { Shares } from './shares.ts'
import { byName } from './subscription.ts'

/**
 * Every member keeps what it had, as far as balance permits. What nobody has goes to whoever has least; then the
 * member with most gives to one with two less or fewer, one partition after the other, until no such move is left.
 * Where all subscribe to the same topics, all get as many, give or take one, with as few moves as that takes.
 */
export function assignSticky(subscribers: readonly Subscriber[], previous: Target): Target {
  const classes = toClasses(subscribers)
  const loads = subscribers.map(() => 0)
  for (const one of classes) keepPrevious(one, subscribers, loads, previous)
  // Those with the least choice first: what is left then can go anywhere.
  for (const one of [...classes].sort((left, right) => left.members.length - right.members.length)) {
    placeUnowned(one, loads)
  }
  balance(classes, loads)
  const shares = new Shares()
  for (const { owned } of classes) {
    for (const [member, partitions] of owned) {
      for (const { topic, partition } of partitions)
        shares.add(subscribers[member]!.memberId, topic, partition)
    }
  }
  return shares.toTarget()
}

interface Place {
  readonly topic: GroupTopic
  readonly partition: number
}

/** Topics with the very same subscribers: as to who may have them, their partitions are all alike. */
interface TopicClass {
  readonly topics: readonly GroupTopic[]
  /** Indexes of subscribers, ascending. */
  readonly members: readonly number[]
  /** By the subscriber's index: what it has of these topics, and at the end what it can give away at the least loss. */
  readonly owned: ReadonlyMap<number, Place[]>
}

function toClasses(subscribers: readonly Subscriber[]): TopicClass[] {
  const membersOf = new Map<GroupTopic, number[]>()
  for (const [member, { topics }] of subscribers.entries()) {
    for (const topic of topics) {
      const members = membersOf.get(topic)
      if (members) members.push(member)
      else membersOf.set(topic, [member])
    }
  }
  const classes = new Map<string, { topics: GroupTopic[]; members: number[] }>()
  for (const [topic, members] of [...membersOf].sort(([one], [other]) => byName(one, other))) {
    const key = members.join()
    const known = classes.get(key)
    if (known) known.topics.push(topic)
    else classes.set(key, { topics: [topic], members })
  }
  return [...classes.values()].map(({ topics, members }) => ({
    topics,
    members,
    owned: new Map(members.map(member => [member, []])),
  }))
}

function keepPrevious(
  { topics, members, owned }: TopicClass,
  subscribers: readonly Subscriber[],
  loads: number[],
  previous: Target,
): void {
  const topicById = new Map(topics.map(topic => [topic.topicId, topic]))
  const taken = new Map(topics.map(topic => [topic, new Set<number>()]))
  for (const member of members) {
    const places = owned.get(member)!
    for (const { topicId, partitions } of previous.get(subscribers[member]!.memberId) ?? []) {
      const topic = topicById.get(topicId)
      if (!topic) continue
      for (const partition of partitions) {
        if (partition >= topic.partitions || taken.get(topic)!.has(partition)) continue
        taken.get(topic)!.add(partition)
        places.push({ topic, partition })
      }
    }
    // Given away from the end: of each topic some, rather than all of one, since topics are not equally busy.
    places.sort((one, other) => one.partition - other.partition || byName(one.topic, other.topic))
    loads[member]! += places.length
  }
}

function placeUnowned({ topics, members, owned }: TopicClass, loads: number[]): void {
  const taken = new Map(topics.map(topic => [topic, new Set<number>()]))
  for (const { topic, partition } of [...owned.values()].flat()) taken.get(topic)!.add(partition)
  for (const topic of topics) {
    for (let partition = 0; partition < topic.partitions; partition += 1) {
      if (taken.get(topic)!.has(partition)) continue
      const member = leastLoaded(members, loads)
      owned.get(member)!.push({ topic, partition })
      loads[member]! += 1
    }
  }
}

/** Ends, since every move makes the sum of the squares of all loads smaller. */
function balance(classes: readonly TopicClass[], loads: number[]): void {
  const classesOf = loads.map((_, member) => classes.filter(({ owned }) => owned.has(member)))
  let candidates = loads.map((_, member) => member)
  let hasMoved = false
  for (;;) {
    if (candidates.length === 0) {
      if (!hasMoved) return
      // Who could not give before may be able to now that others have given.
      candidates = loads.map((_, member) => member)
      hasMoved = false
    }
    const giver = mostLoaded(candidates, loads)
    const move = findMove(classesOf[giver]!, giver, loads)
    if (move) {
      move.owned.get(move.taker)!.push(move.owned.get(giver)!.pop()!)
      loads[giver]! -= 1
      loads[move.taker]! += 1
      hasMoved = true
    } else {
      candidates = candidates.filter(member => member !== giver)
    }
  }
}

/** The move from this member that evens out most, if there is one that does not just turn things round. */
function findMove(
  classes: readonly TopicClass[],
  giver: number,
  loads: readonly number[],
): { owned: TopicClass['owned']; taker: number } | undefined {
  let best: { owned: TopicClass['owned']; taker: number } | undefined
  for (const { members, owned } of classes) {
    if (owned.get(giver)!.length === 0) continue
    const taker = leastLoaded(members, loads)
    if (loads[taker]! > loads[giver]! - 2) continue
    if (!best || loads[taker]! < loads[best.taker]!) best = { owned, taker }
  }
  return best
}

function leastLoaded(members: readonly number[], loads: readonly number[]): number {
  return members.reduce((best, member) => (loads[member]! < loads[best]! ? member : best))
}

function mostLoaded(members: readonly number[], loads: readonly number[]): number {
  return members.reduce((best, member) => (loads[member]! > loads[best]! ? member : best))
}
