import { expect, test } from 'vitest'
import { TriggerOutput } from '../../../src/cli/output/trigger-output.ts'
import { fakeTerminal } from '../fake-terminal.ts'

const waits = { kind: 'waits', topic: 'tides', partition: 0, afterMs: 1_000 } as const

test('two handlers of a topic are told apart by their groups', () => {
  const terminal = fakeTerminal()
  const output = new TriggerOutput(terminal, false, [{ topic: 'tides' }, { topic: 'tides' }])
  output.onNews({ ...waits, groupId: 'harbour', reason: 'Error: no' })
  // The same reason is said once, but of each.
  output.onNews({ ...waits, groupId: 'harbour', reason: 'Error: no' })
  output.onNews({ ...waits, groupId: 'billing', reason: 'Error: no' })
  const givenUp = { kind: 'given-up', topic: 'tides', partition: 1, records: 2, destination: null } as const
  output.onNews({ ...givenUp, groupId: 'billing' })
  expect(terminal.printed().toString()).toBe(
    'tides-0 for harbour  goes on in 1.0 s: Error: no\n' +
      'tides-0 for billing  goes on in 1.0 s: Error: no\n' +
      'tides-1 for billing  gave up 2 records: nobody is told\n',
  )
})

test('an answer that names failures is no success', () => {
  const terminal = fakeTerminal()
  const output = new TriggerOutput(terminal, true, [{ topic: 'tides' }])
  const call = { requestId: 'a', executedVersion: '1', functionError: null }
  const called = {
    kind: 'called',
    groupId: 'harbour',
    topic: 'tides',
    partition: 0,
    records: 3,
    firstOffset: 4,
    lastOffset: 6,
    elapsedMs: 2_000,
    outcome: { kind: 'answered', answer: 'done', call },
  } as const
  output.onNews({ ...called, named: "the function's answer is no object" })
  output.onNews({ ...called, named: null })
  expect(terminal.printed().toString()).toBe(
    "tides-0  3 records, offsets 4 to 6: FAILED after 2.0 s: the function's answer is no object\n",
  )
})

test('of a module that cannot be loaded, its error is said and not where it stands', () => {
  const terminal = fakeTerminal()
  const output = new TriggerOutput(terminal, false, [{ topic: 'tides' }])
  const reason = 'refused: file:///tides.ts:5\nexport const x = {\n\nSyntaxError [ERR_X]: Unexpected token'
  output.onNews({ ...waits, groupId: 'harbour', reason })
  expect(terminal.printed().toString()).toBe(
    'tides-0  goes on in 1.0 s: SyntaxError [ERR_X]: Unexpected token\n',
  )
})
