import * as z from 'zod'
import type { Broker, TopicDescription } from '../../src/contract/broker.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { carryOut, isKafka, readProperties } from './resource.ts'
import type { ResourceEvent } from './resource-function.ts'

/** CloudFormation sends every number and every boolean as text. */
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String)

const Properties = z.object({
  ServiceToken: z.unknown(),
  topic: z.string().min(1),
  partitions: z.union([z.int(), z.string().regex(/^\d{1,9}$/, 'must be a whole number')]).transform(Number),
  configs: z.record(z.string(), text).default({}),
  /** What becomes of the topic when the resource goes. */
  removal: z.enum(['retain', 'delete']).default('retain'),
  /** Whether something else in the template goes by the topic's id. */
  tellsId: z.literal('true').optional(),
})

type TopicProperties = z.infer<typeof Properties>

/** Makes, alters and removes the topic of a template; tells the resource's id, which is the topic's name. */
export async function settleTopic(broker: Broker, event: ResourceEvent): Promise<string> {
  const create = async (wanted: TopicProperties) => {
    await createTopic(broker, wanted)
    return wanted.topic
  }
  const resource = {
    read: (properties: unknown) => readProperties('topic', Properties, properties),
    create,
    async update(wanted: TopicProperties, before: TopicProperties, id: string) {
      // Another name is another topic. CloudFormation deletes the old one after.
      if (wanted.topic !== id) return await create(wanted)
      await updateTopic(broker, wanted, before)
      return id
    },
    async remove({ removal }: TopicProperties, id: string) {
      // By its id: after a renaming, the properties are the old ones, too.
      if (removal === 'delete') await deleteTopic(broker, id)
    },
  }
  return await carryOut(resource, event)
}

/** The topic's id, where the template asks for it. */
export async function tellTopic(
  broker: Broker,
  topic: string,
  { ResourceProperties }: ResourceEvent,
): Promise<{ TopicId: string } | undefined> {
  const { tellsId } = readProperties('topic', Properties, ResourceProperties)
  return tellsId ? { TopicId: (await broker.describeTopic(topic)).topicId } : undefined
}

/** Creates the topic of a template. One of that name with the same number of partitions is adopted, since an
 * earlier try of this very request may have made it. */
async function createTopic(broker: Broker, wanted: TopicProperties): Promise<void> {
  const { topic, partitions, configs } = wanted
  try {
    await broker.createTopic({ topic, partitions, configs })
  } catch (error) {
    if (!isKafka(error, 'TOPIC_ALREADY_EXISTS')) throw error
    const standing = await broker.describeTopic(topic)
    if (standing.partitions !== partitions) throw cannotAdopt(standing, partitions, error)
    await alterTopic(broker, standing, wanted, {})
  }
}

/**
 * Brings a topic to what the template says now. Configs that the template named before and names no more go back
 * to their default; those that somebody set by other means stay.
 */
async function updateTopic(
  broker: Broker,
  wanted: TopicProperties,
  before: Pick<TopicProperties, 'configs'>,
): Promise<void> {
  await alterTopic(broker, await broker.describeTopic(wanted.topic), wanted, before.configs)
}

/** Deletes the topic and its records; one that is gone already is fine. */
async function deleteTopic(broker: Broker, topic: string): Promise<void> {
  try {
    await broker.deleteTopic(topic)
  } catch (error) {
    if (!isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
  }
}

async function alterTopic(
  broker: Broker,
  standing: TopicDescription,
  { topic, partitions, configs }: TopicProperties,
  configsBefore: TopicProperties['configs'],
): Promise<void> {
  if (partitions < standing.partitions) throw cannotShrink(standing, partitions)
  const unset = Object.keys(configsBefore).filter(name => !Object.hasOwn(configs, name))
  const inForce = new Map(
    standing.configs.map(({ name, value, isDefault }) => [name, isDefault ? undefined : value]),
  )
  const set = Object.fromEntries(
    // What the template has changed is set even where it stands so: an earlier try of this request may have broken off
    // after that, and before all of the topic's partitions go by it.
    Object.entries(configs).filter(
      ([name, value]) => inForce.get(name) !== value || configsBefore[name] !== value,
    ),
  )
  const grows = partitions > standing.partitions
  if (!grows && unset.length === 0 && Object.keys(set).length === 0) return
  await broker.alterTopic({ topic, ...(grows && { partitions }), set, unset })
}

function cannotAdopt(standing: TopicDescription, partitions: number, cause: unknown): TidemarkError {
  return new TidemarkError(
    'TOPIC_ALREADY_EXISTS',
    `There is a topic "${standing.topic}" already, with ${standing.partitions} partitions and not ${partitions}. ` +
      'Give the same number to take it over, or choose another name.',
    'no',
    { cause },
  )
}

function cannotShrink(standing: TopicDescription, partitions: number): TidemarkError {
  return new TidemarkError(
    'INVALID_PARTITIONS',
    `Topic "${standing.topic}" has ${standing.partitions} partitions, and their number can only grow; ${partitions} is ` +
      'less. Give the number that it has. If this is a rollback, skip this resource in it: the topic is in order.',
  )
}
