import { TidemarkError } from '../../core/errors.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { GroupCall } from '../groups/group-call.ts'
import { topicOfDestination } from './delivering/topic-destination.ts'

type Link = Pick<Trigger, 'groupId' | 'topic' | 'settings'>

/**
 * Refuses a trigger whose given-up records would come back to it: through its own topic, or through those of other
 * triggers that give up to topics, too. A record that always fails would go round for ever, be called each time, and
 * grow with each round. Two that are put at the same time can close a circle all the same.
 * @throws INVALID_REQUEST
 */
export async function refuseFailureCircle(call: GroupCall, wanted: Link): Promise<void> {
  const first = destinationOf(wanted)
  if (first === undefined) return
  if (first === wanted.topic) throw circle(wanted, [first])
  const others = await call.readAll(() => call.ports.triggers.triggers())
  const ways: string[][] = [[first]]
  const seen = new Set([first])
  for (const way of ways) {
    for (const other of others) {
      // What stands in its place so far is about to be another.
      const isReplaced = other.groupId === wanted.groupId && other.topic === wanted.topic
      const next = destinationOf(other)
      if (isReplaced || other.topic !== way.at(-1) || next === undefined) continue
      if (next === wanted.topic) throw circle(wanted, [...way, next])
      if (!seen.has(next)) ways.push([...way, next])
      seen.add(next)
    }
  }
}

function destinationOf({ settings }: Link): string | undefined {
  return settings.onFailure === null ? undefined : topicOfDestination(settings.onFailure)
}

function circle({ groupId, topic }: Link, way: readonly string[]): TidemarkError {
  const names = [topic, ...way].map(name => JSON.stringify(name)).join(' to ')
  return new TidemarkError(
    'INVALID_REQUEST',
    `What the trigger of the group ${JSON.stringify(groupId)} gives up would come back to it, from ${names}, and go ` +
      'round for ever: give it an onFailure whose records do not come back.',
  )
}
