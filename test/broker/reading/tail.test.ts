import { expect, test } from 'vitest'
import { type Seen, Tail } from '../../../src/broker/reading/tail.ts'

test('who comes while a look takes its time does not have the next one follow at once', async () => {
  let nowMs = 0
  const looks: ((seen: Seen) => void)[] = []
  const tail = new Tail({
    monotonicMs: () => nowMs,
    look: () => new Promise(resolve => looks.push(resolve)),
    watch: () => () => {},
    pauseMsMax: 1_000,
    pauseMsMin: () => 0,
  })
  const seen: Seen = { partition: { topicId: 't', partition: 0 }, head: undefined }
  tail.follow(seen, () => {})
  tail.lookAgain()
  await Promise.resolve()
  tail.follow(seen, () => {})
  for (; nowMs < 200; nowMs += 10) if (tail.dueMs <= nowMs) tail.lookAgain()
  looks[0]!(seen)
  await new Promise(resolve => setImmediate(resolve))
  expect(looks.length).toBe(1)
  expect(tail.dueMs).toBe(nowMs + 100)
})
