import * as z from 'zod'
import { CountSchema, OffsetSchema, PartitionSchema, PartitionsSchema, TimestampMsSchema } from './numbers.ts'

const topic = z.string().meta({ description: "The topic's name.", examples: ['orders'] })

const configs = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).meta({
  description: "Kafka's topic configs by name. Numbers and booleans may stand as such or as text.",
  examples: [{ 'retention.ms': '604800000' }],
})

export const CreateTopicRequest = z
  .strictObject({
    topic,
    partitions: PartitionsSchema.optional().meta({ description: '1 when it is left out.', examples: [4] }),
    configs: configs.optional(),
  })
  .meta({ id: 'CreateTopic' })

export const AlterTopicRequest = z
  .strictObject({
    partitions: PartitionsSchema.optional().describe('The new number of partitions; it can only grow.'),
    set: configs.optional(),
    unset: z.array(z.string()).optional().describe('Configs that go back to their default.'),
  })
  .refine(change => Object.values(change).some(part => part !== undefined), {
    message: 'says nothing to change: give `partitions`, `set` or `unset`',
  })
  .meta({ id: 'AlterTopic' })

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
          note: z.string().optional().describe('Of a config that nothing acts upon yet: that it is so.'),
        }),
      )
      .describe('Every config that Tidemark knows, with the value in force.'),
    offsets: z.array(
      z.object({
        partition: PartitionSchema,
        startOffset: OffsetSchema.describe('The first record that is served.'),
        endOffset: OffsetSchema.describe('The offset that the next record gets.'),
      }),
    ),
  })
  .meta({ id: 'Topic' })
