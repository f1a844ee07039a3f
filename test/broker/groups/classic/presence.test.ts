import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { ClassicRoom } from '../../../../src/broker/groups/classic/classic-room.ts'
import { waitAsMember } from '../../../../src/broker/groups/classic/presence.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test('who has waited for others leaves nothing behind, however long the process lives', async () => {
  const ending = new AbortController()
  const room = { ending, watch: { enter: () => ({ changes: 0 }), leave: () => {} } } as unknown as ClassicRoom
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
  const waits = ends.map(end => waitAsMember(room, 'harbour', undefined, () => end.promise))
  expect(getEventListeners(ending.signal, 'abort')).toHaveLength(5)
  // Weak references hold until the turn of the event loop is over.
  await new Promise(resolve => setImmediate(resolve))
  collect()
  for (const end of ends) end.resolve()
  await Promise.all(waits)
  expect(getEventListeners(ending.signal, 'abort')).toHaveLength(0)
})
