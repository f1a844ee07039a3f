import * as z from 'zod'
import { TidemarkError } from '../../src/core/errors.ts'

/** The topic that a template describes. */
export interface TopicProperties {
  readonly topic: string
  readonly partitions: number
  readonly configs: Readonly<Record<string, string>>
  /** What becomes of the topic when the resource goes. */
  readonly removal: 'retain' | 'delete'
}

/** CloudFormation sends every number and every boolean as text. */
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String)

const Properties = z.object({
  ServiceToken: z.unknown(),
  topic: z.string().min(1),
  partitions: z.union([z.int(), z.string().regex(/^\d{1,9}$/, 'must be a whole number')]).transform(Number),
  configs: z.record(z.string(), text).optional(),
  removal: z.enum(['retain', 'delete']).optional(),
})

/** @throws TidemarkError INVALID_REQUEST */
export function readProperties(properties: unknown): TopicProperties {
  const result = Properties.safeParse(properties)
  if (!result.success) {
    const issues = result.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'properties'}: ${message}`,
    )
    throw new TidemarkError('INVALID_REQUEST', `The topic's properties are not valid. ${issues.join('; ')}.`)
  }
  const { topic, partitions, configs = {}, removal = 'retain' } = result.data
  return { topic, partitions, configs, removal }
}
