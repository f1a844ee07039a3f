import type { TriggerName } from '../../contract/triggers.ts'
import { TidemarkError } from '../../core/errors.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { TRIGGER_TARGET_CHARACTERS_MAX } from '../../core/limits.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import { checkTriggerSettings } from '../../core/trigger/settings.ts'
import type { StartingPosition, Trigger, TriggerSettings } from '../../core/trigger/trigger.ts'
import { GroupCall } from '../groups/group-call.ts'
import { look } from '../groups/look-at-members.ts'
import { isNoClassicGroup } from '../groups/other-kind.ts'
import { refuseFailureCircle } from './failure-circle.ts'
import { commitStarts } from './starting-positions.ts'

/** A trigger to be made; or altered, where its group has one on this topic. */
export interface PutTrigger extends TriggerName {
  /** What is called: a Lambda function's ARN, or what else the place that delivers knows it by. */
  readonly target: string
  /** What is left out is at its default, also where the trigger is there. */
  readonly settings: Partial<TriggerSettings>
  /** Under which it is made, instead of a random one; one that is there under another id is somebody else's. */
  readonly triggerId?: string
  /** Of one that is made: one that is there keeps its own. Default: active. */
  readonly state?: Trigger['state']
}

interface Wanted extends PutTrigger {
  readonly settings: TriggerSettings
}

/**
 * Makes a trigger, active; or alters the one that is there, which keeps its id and its state. It may be repeated: all
 * that a crash in between leaves is a group, maybe, and offsets that nobody goes on from.
 * @throws INVALID_REQUEST, also where what it gives up would come back to it; INVALID_GROUP_ID, INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION
 * @throws NON_EMPTY_GROUP where a new one's group has members
 */
export async function putTrigger(call: GroupCall, request: PutTrigger): Promise<Trigger> {
  const { groupId, topic, target } = request
  checkGroupId(groupId)
  checkTopicName(topic)
  checkTarget(target)
  const wanted = {
    groupId,
    topic,
    target,
    settings: checkTriggerSettings(request.settings, call.ports.clock.nowMs()),
  }
  await refuseFailureCircle(call, wanted)
  for (;;) {
    const standing = await call.read(() => call.ports.triggers.readTrigger(groupId, topic))
    if (standing && request.triggerId !== undefined && standing.triggerId !== request.triggerId) {
      throw new TidemarkError(
        'NON_EMPTY_GROUP',
        `The group ${JSON.stringify(groupId)} has a trigger on "${topic}" already, which calls ${standing.target}. Give ` +
          'this one another group, or remove the other one first: the offsets of the group stay.',
      )
    }
    const put = standing ? await alter(call, wanted, standing) : await make(call, wanted, request)
    // Somebody else was faster: what they have put is what is altered.
    if (put) return put
  }
}

/** undefined: there is another one by now. */
async function make(
  before: GroupCall,
  wanted: Wanted,
  { triggerId, state = 'active' }: Pick<PutTrigger, 'triggerId' | 'state'>,
): Promise<Trigger | undefined> {
  const { groupId, topic, settings } = wanted
  await before.read(() => before.directory.refresh(topic))
  await before.write(() => before.groups.createGroup(groupId, 'cooperative-sticky'))
  await refuseMembers(before)
  const call = await begin(before, topic, settings.startingPosition)
  const { clock, entropy, triggers } = call.ports
  const trigger: Trigger = {
    triggerId: triggerId ?? entropy.id(),
    ...wanted,
    state,
    createdMs: clock.nowMs(),
    version: 1,
  }
  const isPut = await call.write(async isUnsure => {
    if (await triggers.putTrigger(trigger)) return true
    // A try of unknown outcome may have done it, and somebody may have paused it since.
    const standing = isUnsure ? await triggers.readTrigger(groupId, topic) : undefined
    return standing?.triggerId === trigger.triggerId
  })
  if (!isPut) return undefined
  // Whoever deleted the group meanwhile saw no trigger yet.
  await call.write(() => call.groups.createGroup(groupId, 'cooperative-sticky'))
  try {
    // Who joined meanwhile saw none either; who joins from now on does.
    await refuseMembers(call)
  } catch (error) {
    await call.write(() => triggers.removeTrigger(groupId, topic, trigger.triggerId))
    throw error
  }
  return trigger
}

/** undefined: it is not the one that stands any more; or it was altered by a try of which nobody knew. */
async function alter(before: GroupCall, wanted: Wanted, standing: Trigger): Promise<Trigger | undefined> {
  const { startingPosition } = wanted.settings
  // Partitions that came since have nothing committed either, and begin where they begin: so only when it changes.
  const isNewStart = !isSameStart(standing.settings.startingPosition, startingPosition)
  const call = isNewStart ? await begin(before, wanted.topic, startingPosition) : before
  const trigger: Trigger = { ...standing, ...wanted, version: standing.version + 1 }
  return (await call.write(() => call.ports.triggers.putTrigger(trigger))) ? trigger : undefined
}

/** Commits where to begin before anybody delivers; a topic can have so many partitions that it takes a call's time. */
async function begin(call: GroupCall, topic: string, position: StartingPosition): Promise<GroupCall> {
  if (position === 'earliest') return call
  await commitStarts(call, topic, position)
  return new GroupCall(call.ports, call.directory, call.groupId, call.leases)
}

/** Removes who was silent for too long, so that nobody of them comes back. @throws NON_EMPTY_GROUP */
async function refuseMembers(call: GroupCall): Promise<void> {
  const isOfOne = await isNoClassicGroup(call)
  await look(call)
  const members = await call.readAll(() => call.groups.members(call.groupId))
  if (isOfOne && members.length === 0) return
  throw new TidemarkError(
    'NON_EMPTY_GROUP',
    `The group ${JSON.stringify(call.groupId)} has ${members.length} members, and a trigger has its group for itself: ` +
      'stop them and try again when they are gone, or give the trigger another group.',
  )
}

/** @throws INVALID_REQUEST */
function checkTarget(target: string): void {
  if (target !== '' && target.length <= TRIGGER_TARGET_CHARACTERS_MAX && !/\p{Cc}/u.test(target)) return
  throw new TidemarkError(
    'INVALID_REQUEST',
    `A trigger's target has 1 to ${TRIGGER_TARGET_CHARACTERS_MAX} characters, and no control characters: give a ` +
      "function's ARN.",
  )
}

function isSameStart(one: StartingPosition, other: StartingPosition): boolean {
  return typeof one === 'string' || typeof other === 'string'
    ? one === other
    : one.timestampMs === other.timestampMs
}
