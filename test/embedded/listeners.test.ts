import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Listener } from '../../src/contract/waking/offer.ts'
import { TICKET_KEY_BYTES } from '../../src/contract/waking/tickets.ts'
import { LISTENER_PARTITIONS_MAX, PROCESS_ARMED_PARTITIONS_MAX } from '../../src/core/limits.ts'
import { nextTurn } from '../../src/core/turns.ts'
import { Listeners } from '../../src/embedded/waking/listeners.ts'
import { StoreFailed } from '../../src/ports/outcome.ts'

test('whoever asks several times at once is not told that he is armed before he is', async () => {
  const looks: { done(): void; failed(): void }[] = []
  const listeners = new Listeners(
    () =>
      new Promise((resolve, reject) => {
        looks.push({ done: () => resolve(() => {}), failed: () => reject(new StoreFailed('busy')) })
      }),
    randomBytes(TICKET_KEY_BYTES),
    Date.now,
  )
  const { ticket } = listeners.add({ wake: () => {} }).ticket()
  const listener = (await listeners.listenerOf(ticket)) as Listener
  const settled: number[] = []
  const calls = [0, 1, 2].map(async call => {
    const refused = await listener.arm([{ topicId: 'tides', partition: 0 }])
    settled.push(call)
    return refused.length
  })
  await expect.poll(() => looks.length).toBe(1)
  looks[0]!.failed()
  await expect.poll(() => looks.length).toBe(2)
  await nextTurn()
  expect(settled).toEqual([0])
  looks[1]!.done()
  expect(await Promise.all(calls)).toEqual([1, 0, 0])
})

test('all sockets together are armed at so many partitions, and no more until one of them goes', async () => {
  const listeners = new Listeners(async () => () => {}, randomBytes(TICKET_KEY_BYTES), Date.now)
  const open = async () => {
    const added = listeners.add({ wake: () => {} })
    return { ...added, listener: (await listeners.listenerOf(added.ticket().ticket)) as Listener }
  }
  const places = (topicId: string, count: number) =>
    Array.from({ length: count }, (_, partition) => ({ topicId, partition }))
  const full = PROCESS_ARMED_PARTITIONS_MAX / LISTENER_PARTITIONS_MAX
  const sockets = await Promise.all(Array.from({ length: full }, open))
  for (const [index, { listener }] of sockets.entries()) {
    expect(await listener.arm(places(`topic ${index}`, LISTENER_PARTITIONS_MAX))).toEqual([])
  }
  const late = await open()
  const wanted = places('one more', 3)
  expect(await late.listener.arm(wanted)).toEqual(wanted)
  sockets[0]!.remove()
  expect(await late.listener.arm(wanted)).toEqual([])
  expect(await late.listener.arm(places('enough', LISTENER_PARTITIONS_MAX))).toHaveLength(3)
})
