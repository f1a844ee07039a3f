import { expect, test } from 'vitest'
import type { Budget } from '../../../src/broker/settling/budget.ts'
import { isTimeOver } from '../../../src/broker/settling/budget.ts'
import { collectGarbage } from '../../../src/broker/settling/collect-garbage.ts'
import { deadNote } from '../../../src/core/garbage.ts'
import { SettlingHarness, TINY } from './settling-harness.ts'

const OBJECTS = 100

test('a run that has no time to look at all that is dead deletes what it has looked at', async () => {
  const harness = new SettlingHarness()
  const { ports, clock } = harness
  const notedMs = clock.nowMs()
  for (let object = 0; object < OBJECTS; object++) {
    const key = `dead/${String(object).padStart(3, '0')}`
    await harness.run(ports.objects.put(key, [new Uint8Array(10)]))
    await harness.run(ports.upkeep.putNote(deadNote(key, notedMs, 1, ports.entropy.id())))
  }
  await harness.run(clock.sleep(TINY.graceMs + 1))

  // Eight are looked at in each 100 ms.
  const budget = (): Budget => ({ deadlineMs: clock.monotonicMs() + 500, pace: () => clock.sleep(100) })
  const left: number[] = []
  for (let run = 0; run < 20 && left.at(-1) !== 0; run++) {
    await harness.run(
      collectGarbage(ports, TINY, budget()).catch(error => {
        if (!isTimeOver(error)) throw error
      }),
    )
    left.push((await harness.objects('dead/')).length)
  }

  expect(left[0]).toBeLessThan(OBJECTS)
  expect(left.at(-1)).toBe(0)
  for await (const note of harness.plain.upkeep.notes('dead')) expect(note).toBe('gone')
})
