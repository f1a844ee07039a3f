import type { FailureDestinations } from '../../ports/failure-destinations.ts'
import type { FunctionCaller } from '../../ports/function-caller.ts'
import type { KafkaEvent } from './function-handler.ts'
import type { ReportNews } from './trigger-news.ts'

interface TriggerName {
  readonly groupId: string
  readonly topic: string
}

/** Reports every call. */
export function observedFunctions(
  functions: FunctionCaller,
  { groupId, topic }: TriggerName,
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
        })
      }
      return outcome
    },
  }
}

/** Reports what a destination was told. */
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
