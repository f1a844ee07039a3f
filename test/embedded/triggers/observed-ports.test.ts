import { expect, test } from 'vitest'
import { checkTriggerSettings } from '../../../src/core/trigger/settings.ts'
import { observedFunctions } from '../../../src/embedded/triggers/observed-ports.ts'
import type { TriggerNews } from '../../../src/embedded/triggers/trigger-news.ts'
import type { FunctionCaller } from '../../../src/ports/function-caller.ts'

const EVENT = JSON.stringify({
  records: { 'tides-2': [4, 5, 6].map(offset => ({ topic: 'tides', partition: 2, offset })) },
})

async function newsOf(answer: unknown, reportBatchItemFailures: boolean): Promise<TriggerNews[]> {
  const news: TriggerNews[] = []
  const call = { requestId: 'a', executedVersion: '1', functionError: null }
  const functions: FunctionCaller = { call: async () => ({ kind: 'answered', answer, call }) }
  const settings = checkTriggerSettings({ reportBatchItemFailures })
  const observed = observedFunctions(functions, { groupId: 'harbour', topic: 'tides', settings }, each =>
    news.push(each),
  )
  await observed.call('file:tides.ts', EVENT, 1_000)
  return news
}

const naming = (offset: number) => ({ batchItemFailures: [{ itemIdentifier: offset }] })

test.each([
  ['of one record', naming(5), true, 'the function named offset 5 as failed'],
  ['that nobody can read', 'done', true, expect.stringContaining('is no object')],
  ['of another batch', naming(9), true, expect.stringContaining('offset 9')],
  ['without failures', { batchItemFailures: [] }, true, null],
  ['that was not asked for', naming(5), false, null],
])('what an answer names is told: one %s', async (_, answer, isAskedFor, named) => {
  expect(await newsOf(answer, isAskedFor)).toEqual([
    expect.objectContaining({
      kind: 'called',
      partition: 2,
      records: 3,
      firstOffset: 4,
      lastOffset: 6,
      named,
    }),
  ])
})
