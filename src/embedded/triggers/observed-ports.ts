import { toOffset } from '../../core/numbers.ts'
import { readFailures } from '../../core/trigger/batch-item-failures.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { FailureDestinations } from '../../ports/failure-destinations.ts'
import type { CallOutcome, FunctionCaller } from '../../ports/function-caller.ts'
import type { KafkaEvent } from './function-handler.ts'
import type { ReportNews } from './trigger-news.ts'

export function observedFunctions(
  functions: FunctionCaller,
  { groupId, topic, settings }: Pick<Trigger, 'groupId' | 'topic' | 'settings'>,
  report: ReportNews,
): FunctionCaller {
  return {
    async call(target, event, timeoutMs) {
      const startedMs = performance.now()
      const outcome = await functions.call(target, event, timeoutMs)
      const elapsedMs = performance.now() - startedMs
      const records = Object.values((JSON.parse(event) as KafkaEvent).records).flat()
      const [first] = records
      if (first) {
        const lastOffset = records.at(-1)!.offset
        const { partition, offset: firstOffset } = first
        report({
          kind: 'called',
          groupId,
          topic,
          partition,
          firstOffset,
          lastOffset,
          records: records.length,
          elapsedMs,
          outcome,
          named: settings.reportBatchItemFailures
            ? namedIn(outcome, { topic, partition, firstOffset, lastOffset })
            : null,
        })
      }
      return outcome
    },
  }
}

export function observedFailures(failures: FailureDestinations, report: ReportNews): FailureDestinations {
  return {
    async send(destination, givenUp) {
      await failures.send(destination, givenUp)
      const { groupId, topic } = givenUp.trigger
      const { partition } = givenUp.partition
      report({ kind: 'given-up', groupId, topic, partition, records: givenUp.records.length, destination })
    },
  }
}

function namedIn(
  outcome: CallOutcome,
  batch: { topic: string; partition: number; firstOffset: number; lastOffset: number },
): string | null {
  if (outcome.kind !== 'answered') return null
  const { topic, partition } = batch
  const [first, last] = [toOffset(batch.firstOffset), toOffset(batch.lastOffset)]
  const failures = readFailures(outcome.answer, topic, partition, first, last)
  switch (failures.kind) {
    case 'none':
      return null
    case 'from':
      return `the function named offset ${failures.offset} as failed`
    case 'all':
      return failures.reason
  }
}
