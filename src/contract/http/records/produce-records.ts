import type * as z from 'zod'
import { TidemarkError, type Written } from '../../../core/errors.ts'
import { advance, type Offset } from '../../../core/numbers.ts'
import type { Broker } from '../../broker.ts'
import { HttpProblem, type Problem, statusOf } from '../problems/problem.ts'
import type { ProduceAnswer } from '../schemas/records.ts'
import type { PlacedBatch, Placement } from './placement.ts'

type RecordOutcome = NonNullable<Problem['records']>[number]

type Outcome = { placed: PlacedBatch } & ({ baseOffset: Offset } | { error: TidemarkError })

/**
 * Writes placed records, all partitions at the same time, and tells where each record stands.
 * @param toError makes a TidemarkError of anything else that is thrown
 * @throws HttpProblem when a partition failed, with what became of each record
 */
export async function produceRecords(
  broker: Broker,
  topic: string,
  placement: Placement,
  toError: (error: unknown) => TidemarkError,
): Promise<z.input<typeof ProduceAnswer>> {
  const outcomes = await Promise.all(
    placement.batches.map(async (placed): Promise<Outcome> => {
      try {
        const { baseOffset } = await broker.produce({
          topic,
          partition: placed.partition,
          batches: placed.batch,
        })
        return { placed, baseOffset }
      } catch (error) {
        return { placed, error: toError(error) }
      }
    }),
  )
  const errors = outcomes.flatMap(outcome => ('error' in outcome ? [outcome.error] : []))
  if (errors.length > 0) throw failure(outcomes, errors, placement.partitions.length)
  const records = new Array<{ partition: number; offset: Offset }>(placement.partitions.length)
  for (const outcome of outcomes) {
    if ('error' in outcome) continue
    const { partition, indices } = outcome.placed
    indices.forEach((index, nth) => {
      records[index] = { partition, offset: advance(outcome.baseOffset, nth) }
    })
  }
  return { records }
}

function failure(outcomes: readonly Outcome[], errors: readonly TidemarkError[], total: number): HttpProblem {
  const first = errors.find(error => error.written !== 'no') ?? errors[0]!
  if (outcomes.length === 1) return new HttpProblem(statusOf(first.kafkaName), first)
  const records = describeRecords(outcomes, total)
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

function describeRecords(outcomes: readonly Outcome[], total: number): RecordOutcome[] {
  const records = new Array<RecordOutcome>(total)
  for (const outcome of outcomes) {
    const { partition, indices } = outcome.placed
    indices.forEach((index, nth) => {
      records[index] =
        'error' in outcome
          ? describeFailure(partition, outcome.error)
          : { partition, written: 'yes', offset: advance(outcome.baseOffset, nth) }
    })
  }
  return records
}

function describeFailure(partition: number, error: TidemarkError): RecordOutcome {
  // A broker that says `yes` with an error cannot say which offsets the records have.
  const written = error.written === 'no' ? 'no' : 'unknown'
  return { partition, written, kafkaError: error.kafkaName, detail: error.message }
}
