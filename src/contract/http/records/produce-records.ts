import type * as z from 'zod'
import { TidemarkError, type Written } from '../../../core/errors.ts'
import { advance, type Offset } from '../../../core/numbers.ts'
import type { Broker } from '../../broker.ts'
import { HttpProblem, type Problem, statusOf } from '../problems/problem.ts'
import type { ProduceAnswer } from '../schemas/records.ts'
import type { PlacedBatch, Placement } from './placement.ts'

type RecordOutcome = NonNullable<Problem['records']>[number]

type Outcome = Omit<PlacedBatch, 'batch'> & ({ baseOffset: Offset } | { error: TidemarkError })

/**
 * Writes placed records, all partitions at the same time, and tells where each record stands.
 * @param toError makes a TidemarkError of anything else that is thrown
 * @throws HttpProblem when a partition failed, with what became of each record
 */
export async function produceRecords(
  broker: Broker,
  topic: string,
  { batches, partitions: { length: total } }: Placement,
  toError: (error: unknown) => TidemarkError,
): Promise<z.input<typeof ProduceAnswer>> {
  const outcomes = await Promise.all(
    batches.map(async ({ partition, batch, indices }): Promise<Outcome> => {
      try {
        const { baseOffset } = await broker.produce({ topic, partition, batches: batch })
        return { partition, indices, baseOffset }
      } catch (error) {
        return { partition, indices, error: toError(error) }
      }
    }),
  )
  const written = outcomes.filter(outcome => 'baseOffset' in outcome)
  if (written.length < outcomes.length) throw failure(outcomes, total)
  const records = inOrderOfRequest(written, total, ({ partition, baseOffset }, nth) => ({
    partition,
    offset: advance(baseOffset, nth),
  }))
  return { records }
}

function failure(outcomes: readonly Outcome[], total: number): HttpProblem {
  const errors = outcomes.flatMap(outcome => ('error' in outcome ? [outcome.error] : []))
  const first = errors.find(error => error.written !== 'no') ?? errors[0]!
  if (outcomes.length === 1) return new HttpProblem(statusOf(first.kafkaName), first)
  const records = inOrderOfRequest(outcomes, total, describeOutcome)
  const count = (written: Written) => records.filter(record => record.written === written).length
  const yes = count('yes')
  const message =
    `Of ${total} records ${yes} were written, ${count('no')} were not, and of ${count('unknown')} it is unknown: ` +
    `see "records", and send only those again that were not. The first error: ${first.message}`
  const written = yes > 0 ? 'unknown' : first.written
  const error = new TidemarkError(first.kafkaName, message, written, { cause: first })
  // Where some were written, no status may invite a client to send the whole request again, as 429 and 503 do.
  const status = yes > 0 ? 500 : statusOf(first.kafkaName)
  const retriable = yes === 0 && errors.every(({ retriable }) => retriable)
  return new HttpProblem(status, error, {}, { records, retriable })
}

function describeOutcome(outcome: Outcome, nth: number): RecordOutcome {
  const { partition } = outcome
  if ('baseOffset' in outcome) {
    return { partition, written: 'yes', offset: advance(outcome.baseOffset, nth) }
  }
  const { kafkaName, message, written } = outcome.error
  // A broker that says `yes` with an error cannot say which offsets the records have.
  return { partition, written: written === 'no' ? 'no' : 'unknown', kafkaError: kafkaName, detail: message }
}

/** What is said of each record, of which the batches have each in its own order. */
function inOrderOfRequest<O extends Outcome, T>(
  outcomes: readonly O[],
  total: number,
  describe: (outcome: O, nth: number) => T,
): T[] {
  const records = new Array<T>(total)
  for (const outcome of outcomes) {
    outcome.indices.forEach((index, nth) => {
      records[index] = describe(outcome, nth)
    })
  }
  return records
}
