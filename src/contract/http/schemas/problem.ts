import * as z from 'zod'
import { isKafkaErrorName, TidemarkError } from '../../../core/errors.ts'
import { OffsetSchema, PartitionSchema } from './numbers.ts'

const written = z
  .enum(['no', 'yes', 'unknown'])
  .describe('Whether what the request was to write may be in the log.')

/** An error as application/problem+json, RFC 9457. */
export const ProblemAnswer = z
  .object({
    type: z.string().describe('about:blank: title and kafkaError tell the kind.'),
    title: z.string().meta({ description: "Kafka's name of the error.", examples: ['OFFSET_OUT_OF_RANGE'] }),
    status: z.int(),
    detail: z.string().describe('What was wrong, and what to do about it.'),
    kafkaError: z.string(),
    kafkaErrorNumber: z.int(),
    retriable: z.boolean().describe('Whether the same request can succeed later, unchanged.'),
    written,
    records: z
      .array(
        z.union([
          z.object({ partition: PartitionSchema, written: z.literal('yes'), offset: OffsetSchema }),
          z.object({
            partition: PartitionSchema,
            written: z.enum(['no', 'unknown']),
            kafkaError: z.string(),
            detail: z.string(),
          }),
        ]),
      )
      .optional()
      .describe(
        'Where records went to several partitions: what became of each, in the order of the request.',
      ),
  })
  .meta({ id: 'Problem' })

/** The error that a problem tells of; undefined when `json` is none. */
export function fromProblem(json: unknown): TidemarkError | undefined {
  const parsed = ProblemAnswer.safeParse(json)
  if (!parsed.success) return undefined
  const { kafkaError, detail, written, retriable } = parsed.data
  // A newer server may know names that this client does not.
  if (!isKafkaErrorName(kafkaError)) {
    return new TidemarkError('UNKNOWN_SERVER_ERROR', `${kafkaError}: ${detail}`, written)
  }
  return new TidemarkError(kafkaError, detail, written, { retriable })
}
