import * as z from 'zod'
import { listConfigs, RATIO_PATTERN } from '../../../core/topic/topic-config.ts'
import { TOPIC_NAME_SCHEMA } from '../requests/texts.ts'
import { digitsPattern } from './digits-pattern.ts'
import { CountSchema, OffsetSchema, PartitionSchema, PartitionsSchema, TimestampMsSchema } from './numbers.ts'

const topic = z.string().meta({ description: "The topic's name.", examples: ['orders'] })
/** As the broker wants it in a request, and not where a server only tells what there is. */
const newTopic = z
  .string()
  .meta({ ...TOPIC_NAME_SCHEMA, description: "The topic's name.", examples: ['orders'] })

/** What JSON Schema says of a config's value. The broker is what refuses others, with INVALID_CONFIG. */
function configSchema(config: ReturnType<typeof listConfigs>[number]) {
  const description = `${config.defaultValue} by default.`
  if (config.kind === 'one') return { type: 'string', enum: config.values, description }
  if (config.kind === 'list') {
    const values = ` *(?:${config.values.join('|')}) *`
    return { type: 'string', pattern: `^${values}(?:,${values})*$`, description }
  }
  if (config.kind === 'ratio') {
    return {
      anyOf: [
        { type: 'number', minimum: 0, maximum: 1 },
        { type: 'string', pattern: RATIO_PATTERN },
      ],
      description: `From 0 to 1; ${description}`,
    }
  }
  const { min, max } = config
  return {
    anyOf: [
      { type: 'integer', format: 'int64', minimum: min, maximum: max },
      { type: 'string', pattern: digitsPattern(min, max) },
    ],
    description: `As a number, or in its digits, from ${min} to ${max}; ${description}`,
  }
}

const CONFIG_NAMES = listConfigs().map(({ name }) => name)

const configs = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).meta({
  description: "Kafka's topic configs by name; there are no others.",
  properties: Object.fromEntries(listConfigs().map(config => [config.name, configSchema(config)])),
  additionalProperties: false,
  examples: [{ 'retention.ms': '604800000' }],
})

export const CreateTopicRequest = z
  .strictObject({
    topic: newTopic,
    partitions: PartitionsSchema.optional().meta({
      description: 'How many it has.',
      default: 1,
      examples: [4],
    }),
    configs: configs.optional(),
  })
  .meta({ id: 'CreateTopic' })

export const AlterTopicRequest = z
  .strictObject({
    partitions: PartitionsSchema.optional().describe('The new number of partitions; it can only grow.'),
    set: configs.optional(),
    unset: z
      .array(z.string().meta({ enum: CONFIG_NAMES }))
      .optional()
      .describe('Configs that go back to their default.'),
  })
  .refine(change => Object.values(change).some(part => part !== undefined), {
    message: 'says nothing to change: give `partitions`, `set` or `unset`',
  })
  .meta({ id: 'AlterTopic', minProperties: 1 })

const summary = {
  topic,
  topicId: z.string().describe('A UUID; a topic that is created again under the same name has another.'),
  partitions: CountSchema,
}

export const TopicListAnswer = z.object({ topics: z.array(z.object(summary)) }).meta({ id: 'TopicList' })

export const TopicAnswer = z
  .object({
    ...summary,
    createdMs: TimestampMsSchema.describe('Milliseconds since 1970, UTC.'),
    configs: z
      .array(
        z.object({
          name: z.string(),
          value: z.string(),
          isDefault: z.boolean().describe('Whether it was never set on this topic.'),
          note: z.string().optional().describe('Of a config that has no effect on this topic: why.'),
        }),
      )
      .describe('Every config that Tidemark knows, with the value in force.'),
    offsets: z.array(
      z.object({
        partition: PartitionSchema,
        startOffset: OffsetSchema.describe('The first record that is served.'),
        endOffset: OffsetSchema.describe('The offset that the next record gets.'),
        bytes: CountSchema.optional().describe('What its batches take, with what waits to be dropped.'),
      }),
    ),
  })
  .meta({ id: 'Topic' })
