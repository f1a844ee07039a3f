import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { WakeListeners } from '../../../src/broker/waking/wake-listeners.ts'
import { POLL_TOLD_MS, WAKE_PAUSE_MS } from '../../../src/core/limits.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { parseBrokerMessage } from '../../../src/core/waking/messages.ts'
import type { Post } from '../../../src/core/waking/posts.ts'
import { systemEntropy } from '../../../src/embedded/system.ts'
import type { ListenerStore } from '../../../src/ports/listener-store.ts'
import { NotApplied, StoreFailed } from '../../../src/ports/outcome.ts'
import { freshPartition } from '../../conformance/samples.ts'

const NOW_MS = 1_780_000_000_000
const TIMES = { nowMs: NOW_MS, expiresMs: NOW_MS + 7_200_000 }
const PARTITION = freshPartition(0)

function open() {
  const clock = new VirtualClock(NOW_MS)
  const store = openMemoryStore(clock)
  const posted: Post[] = []
  /** Sockets that are not there any more. */
  const gone: string[] = []
  const ports = { index: store.index, listeners: store.listeners, clock, entropy: systemEntropy }
  const posts = {
    post: async (some: readonly Post[]) => {
      posted.push(...some)
      return gone
    },
  }
  const wakeAll = (other: Partial<ListenerStore> = {}) =>
    new WakeListeners({ ...ports, listeners: { ...store.listeners, ...other }, posts })
  return { ...store, clock, ports, posted, posts, gone, wakeAll }
}

test('whoever is armed is told how far the log is, each once', async () => {
  const { index, listeners, posted, wakeAll } = open()
  await index.createHead(PARTITION, 0)
  const other = freshPartition(1)
  await listeners.arm('one', [PARTITION, other], TIMES)
  await listeners.arm('two', [PARTITION], TIMES)
  expect(await wakeAll().wakeChanged([PARTITION, freshPartition(2)])).toBe(2)
  expect(posted.map(({ socket, message }) => [socket, parseBrokerMessage(message)])).toEqual(
    ['one', 'two'].map(socket => [
      socket,
      { type: 'wake', partitions: [{ ...PARTITION, endOffset: toOffset(0) }] },
    ]),
  )
  // The stream delivers the change again.
  expect(await wakeAll().wakeChanged([PARTITION])).toBe(0)
  expect(await wakeAll().wakeChanged([other])).toBe(1)
})

test('all that has changed for a listener comes in one message', async () => {
  const { listeners, posted, wakeAll } = open()
  const partitions = Array.from({ length: 12 }, (_, partition) => freshPartition(partition))
  await listeners.arm('one', partitions, TIMES)
  expect(await wakeAll().wakeChanged(partitions)).toBe(1)
  expect(parseBrokerMessage(posted[0]!.message)).toMatchObject({ partitions })
})

test('what leaves the end where it is wakes nobody who knows it', async () => {
  const { index, listeners, wakeAll } = open()
  await index.createHead(PARTITION, 0)
  await listeners.arm('there', [{ ...PARTITION, from: toOffset(0) }], TIMES)
  await listeners.arm('anywhere', [PARTITION], TIMES)
  expect(await wakeAll().wakeChanged([PARTITION])).toBe(1)
  expect(await wakeAll().wakeChanged([PARTITION])).toBe(0)
})

test('of a log that is gone, all hear', async () => {
  const { listeners, wakeAll } = open()
  await listeners.arm('one', [{ ...PARTITION, from: toOffset(17) }], TIMES)
  expect(await wakeAll().wakeChanged([PARTITION])).toBe(1)
})

/** A record is appended to the first partition. */
async function append({ index }: ReturnType<typeof open>, text: string) {
  const payload = encodeBatch([{ value: Buffer.from(text) }], { nowMs: NOW_MS })
  const entry = {
    ...{ id: Buffer.from(text.padEnd(16, '.')).toString('hex'), span: 1, bytes: payload.length },
    ...{ maxTimestampMs: NOW_MS, createdMs: NOW_MS, marks: [], producers: [] },
    place: { kind: 'inline', payload },
  } as const
  await index.append(PARTITION, entry, toOffset(0))
}

test('who was armed a while ago is brought what is new, and stays armed; whoever is gone does not', async () => {
  const world = open()
  const { clock, index, listeners, posted, gone, wakeAll } = world
  await index.createHead(PARTITION, 0)
  for (const socket of ['one', 'two'])
    await listeners.arm(socket, [{ ...PARTITION, from: toOffset(0) }], TIMES)
  await clock.runUntilSettled(clock.sleep(WAKE_PAUSE_MS))
  gone.push('two')
  for (const [offset, text] of ['ebb', 'flood'].entries()) {
    await append(world, text)
    expect(await wakeAll().wakeChanged([PARTITION])).toBe(2 - offset)
    const told = parseBrokerMessage(posted.findLast(({ socket }) => socket === 'one')!.message)
    if (told?.type !== 'wake') throw new Error('no wake-up')
    const [wake] = told.partitions
    expect(wake).toMatchObject({ ...PARTITION, from: offset, endOffset: offset + 1 })
    expect(String(wake!.batches)).toContain(text)
    expect(await wakeAll().wakeChanged([PARTITION])).toBe(0)
    await clock.runUntilSettled(clock.sleep(WAKE_PAUSE_MS))
  }
})

test('where too many listen, all are told to poll', async () => {
  const { posted, wakeAll } = open()
  const take = async () => ({ sockets: ['one', 'two'], isCrowded: true })
  expect(await wakeAll({ take }).wakeChanged([PARTITION])).toBe(2)
  const poll = { type: 'poll', partitions: [PARTITION], forMs: POLL_TOLD_MS }
  expect(posted.map(({ message }) => parseBrokerMessage(message))).toEqual([poll, poll])
})

test('what fails for one partition wakes those of the others, and the change is brought again', async () => {
  const { listeners, posted, wakeAll } = open()
  const other = freshPartition(1)
  await listeners.arm('one', [PARTITION, other], TIMES)
  const take: ListenerStore['take'] = async (partition, nowMs) => {
    if (partition === other) throw new StoreFailed('no permission')
    return await listeners.take(partition, nowMs)
  }
  await expect(wakeAll({ take }).wakeChanged([other, PARTITION])).rejects.toThrow('no permission')
  expect(posted).toHaveLength(1)
  expect(await wakeAll().wakeChanged([other, PARTITION])).toBe(1)
})

test('a head that cannot be read holds nobody up', async () => {
  const { ports, posts, posted, listeners } = open()
  await listeners.arm('one', [PARTITION], TIMES)
  const index = { ...ports.index, readHead: async () => Promise.reject(new StoreFailed('damaged')) }
  expect(await new WakeListeners({ ...ports, index, posts }).wakeChanged([PARTITION])).toBe(1)
  expect(posted).toHaveLength(1)
})

test('whoever was taken is handed on again and again while there is time, and then is armed nowhere', async () => {
  const { clock, ports, listeners, posted, wakeAll } = open()
  await listeners.arm('one', [PARTITION], TIMES)
  let tries = 0
  const posts = {
    post: async () => {
      tries += 1
      throw new NotApplied('no concurrency left')
    },
  }
  let isOver = false
  const woken = new WakeListeners({ ...ports, posts }).wakeChanged([PARTITION]).finally(() => {
    isOver = true
  })
  await Promise.all([expect(woken).rejects.toThrow('no concurrency left'), clock.runUntil(() => isOver)])
  expect(tries).toBeGreaterThan(5)
  // It is found by its own look, and by nobody else: arming is over before anything is posted.
  expect(await wakeAll().wakeChanged([PARTITION])).toBe(0)
  expect(posted).toEqual([])
})

/** A listener as the SDK is one: armed from where it looks, or from what it was told. */
interface Looking {
  readonly seen: number
  readonly told: number
}

test('whoever armed and then looked has seen all there is, or is woken, in whatever order things happen', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
      fc.array(fc.constantFrom('append', 'flush', 'delete'), { minLength: 1, maxLength: 7 }),
      async (order, looks, changes) => {
        const { index, listeners, ports, posts, posted } = open()
        const later =
          <Args extends unknown[], T>(does: (...args: Args) => Promise<T>) =>
          (...args: Args): Promise<T> =>
            order.schedule(Promise.resolve(), does.name).then(() => does(...args))
        const slow: ListenerStore = { ...listeners, arm: later(listeners.arm), take: later(listeners.take) }
        let end = 0
        const readHead: typeof index.readHead = async () => ({ nextOffset: toOffset(end) }) as Head
        const wakes = new WakeListeners({
          ...ports,
          index: { ...index, readHead: later(readHead) },
          listeners: slow,
          posts: { post: later(posts.post) },
        })
        const toldTo = (socket: string) =>
          posted.flatMap(post => {
            const message = post.socket === socket ? parseBrokerMessage(post.message) : undefined
            return message?.type === 'wake' ? message.partitions.map(({ endOffset }) => endOffset) : []
          })
        /** Arms, and then looks; what it was told meanwhile is what it arms from. */
        const look = later(async (socket: string, seen: number): Promise<Looking> => {
          const told = toldTo(socket)
          await slow.arm(socket, [{ ...PARTITION, from: toOffset(Math.max(seen, ...told)) }], TIMES)
          await order.schedule(Promise.resolve(), 'look')
          return { seen: end, told: told.length }
        })
        const lookOn = async (socket: string, times: number): Promise<Looking> => {
          let last: Looking = { seen: 0, told: 0 }
          for (let time = 0; time < times; time += 1) last = await look(socket, last.seen)
          return last
        }
        const change = later(async (kind: string) => {
          if (kind === 'append') end += 1
          // Each change is delivered, and may be twice.
          await Promise.all([wakes.wakeChanged([PARTITION]), wakes.wakeChanged([PARTITION])])
        })
        const looking = looks.map((times, socket) => lookOn(`${socket}`, times))
        await order.waitFor(Promise.all([...looking, ...changes.map(kind => change(kind))]))
        for (const [socket, { seen, told }] of (await Promise.all(looking)).entries())
          if (seen < end) expect(toldTo(`${socket}`).length).toBeGreaterThan(told)
        // And what is not an append wakes nobody who knows the end.
        const before = posted.length
        const known = await order.waitFor(lookOn('late', 1)).then(() => end)
        await order.waitFor(slow.arm('late', [{ ...PARTITION, from: toOffset(known) }], TIMES))
        await order.waitFor(wakes.wakeChanged([PARTITION]))
        expect(posted.slice(before).map(({ socket }) => socket)).not.toContain('late')
      },
    ),
    { numRuns: 300 },
  )
})
