import { createHash } from 'node:crypto'
import * as z from 'zod'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { Triggers } from '../../src/broker/triggers/triggers.ts'
import type { TriggerSettings } from '../../src/core/trigger/trigger.ts'
import type { Ports } from '../../src/ports/index.ts'
import { carryOut, isKafka, readProperties } from './resource.ts'
import { NOT_CREATED, type ResourceEvent } from './resource-function.ts'

/** The settings come as JSON, since CloudFormation sends every number and every switch as text. */
const settings = z.string().transform((text, { addIssue }) => {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch {
    addIssue('must be a JSON object')
    return z.NEVER
  }
})

const Properties = z.object({
  ServiceToken: z.unknown(),
  groupId: z.string().min(1),
  topic: z.string().min(1),
  /** The function's ARN. */
  target: z.string().min(1),
  state: z.enum(['active', 'paused']).default('active'),
  settings,
  onFailure: z.string().min(1).optional(),
})

type TriggerProperties = ReturnType<typeof read>

/** What is in the settings is checked where triggers are made. @throws TidemarkError INVALID_REQUEST */
function read(properties: unknown) {
  const { settings, onFailure, ...described } = readProperties('trigger', Properties, properties)
  const all: Partial<TriggerSettings> = { ...settings, ...(onFailure !== undefined && { onFailure }) }
  return { ...described, settings: all }
}

/** Makes, alters and removes the trigger of a template; tells the resource's id, which is the trigger's. */
export async function settleTrigger(ports: Ports, event: ResourceEvent): Promise<string> {
  const triggers = new Triggers(ports, new TopicDirectory(ports.topics, ports.clock))
  const create = (wanted: TriggerProperties) => make(triggers, wanted, event)
  const resource = {
    read,
    create,
    async update(wanted: TriggerProperties, before: TriggerProperties, triggerId: string) {
      const isSame = wanted.groupId === before.groupId && wanted.topic === before.topic
      // Another group or topic is another trigger. CloudFormation deletes the old one after.
      if (!isSame) return await create(wanted)
      await alter(triggers, wanted, before, triggerId)
      return triggerId
    },
    async remove({ groupId, topic }: TriggerProperties, triggerId: string) {
      // By its id too: one that somebody has made since under these names is not this resource's.
      await triggers.remove({ groupId, topic, triggerId })
    },
  }
  return await carryOut(resource, event)
}

/**
 * The id of what a creation makes, also where it failed: it may have made it, or make it yet, and the removal that
 * follows looks for it. NOT_CREATED where its properties are not valid, and nothing can have been made.
 */
export function triggerIdIn(event: ResourceEvent): string {
  try {
    read(event.ResourceProperties)
    return idOf(event)
  } catch (error) {
    if (isKafka(error, 'INVALID_REQUEST')) return NOT_CREATED
    throw error
  }
}

/**
 * New with each request, since one that is made again after a removal is another trigger, to which nothing counts that
 * failed before; a repetition of the request finds what it made.
 */
function idOf(event: ResourceEvent): string {
  return `${resourcePart(event)}${hash(event.RequestId)}`
}

/** What the ids of all triggers begin with that this resource has made. */
function resourcePart({ StackId, LogicalResourceId }: ResourceEvent): string {
  return hash(JSON.stringify([StackId, LogicalResourceId]))
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/**
 * Makes it, or alters what stands there of this very resource: the rollback of a change to other names asks for the old
 * ones while their trigger still stands. Nobody else's is taken over.
 */
async function make(triggers: Triggers, wanted: TriggerProperties, event: ResourceEvent): Promise<string> {
  const { groupId, topic } = wanted
  const all = await triggers.list()
  const standing = all.find(each => each.groupId === groupId && each.topic === topic)
  const isOwn = standing?.triggerId.startsWith(resourcePart(event))
  const triggerId = isOwn ? standing!.triggerId : idOf(event)
  await triggers.put({ ...wanted, triggerId })
  return triggerId
}

/** Whether it is paused changes only where the template changes it: somebody may have paused it for a reason. */
async function alter(
  triggers: Triggers,
  wanted: TriggerProperties,
  before: TriggerProperties,
  triggerId: string,
): Promise<void> {
  const { groupId, topic, state } = wanted
  if (state !== before.state && state === 'paused') await pauseIfThere(triggers, groupId, topic)
  await triggers.put({ ...wanted, triggerId })
  if (state !== before.state && state === 'active') await triggers.resume({ groupId, topic })
}

/** Paused before it is altered; one that is gone is made anew, paused. */
async function pauseIfThere(triggers: Triggers, groupId: string, topic: string): Promise<void> {
  try {
    await triggers.pause({ groupId, topic })
  } catch (error) {
    if (!isKafka(error, 'GROUP_ID_NOT_FOUND')) throw error
  }
}
