import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { STORE_TURN_MS_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { openEmbedded } from '../../../src/embedded/embedded.ts'
import { NotApplied } from '../../../src/ports/outcome.ts'
import { batchOf } from '../../broker/harness.ts'
import { everyEntry, freshPartition, inlineEntry } from '../../conformance/samples.ts'
import { StoppedNeighbour } from './neighbour.ts'

/** Turns a byte of the first copy of what processes tell one another of the log. */
const TURN_BYTE = `
  const { openSync, readSync, writeSync } = require('node:fs')
  const file = openSync(process.argv[1], 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, 8)
  byte[0] ^= 0xff
  writeSync(file, byte, 0, 1, 8)
`

let directory: string
let store: LocalStore
let neighbour: StoppedNeighbour | undefined
const partition = freshPartition()

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-held-up-'))
  store = await openLocalStore(directory)
  await store.index.createHead(partition, 0)
})
afterEach(async () => {
  await neighbour?.kill()
  neighbour = undefined
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

const append = () => store.index.append(partition, inlineEntry(1), toOffset(0))

/** For how long this process has waited for a processor in all, since others had it. Known on Linux. */
function unservedMs(): number {
  if (platform() !== 'linux') return 0
  return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6
}

/** The longest time for which nothing else could run in this process, by its own doing. */
async function longestStallMs(work: Promise<unknown>): Promise<number> {
  let longestMs = 0
  let lastMs = performance.now() - unservedMs()
  const timer = setInterval(() => {
    const nowMs = performance.now() - unservedMs()
    longestMs = Math.max(longestMs, nowMs - lastMs)
    lastMs = nowMs
  }, 5)
  await Promise.allSettled([work])
  clearInterval(timer)
  return longestMs
}

describe('beside a process that was stopped inside of a transaction', () => {
  test('a write is given up, certain not to be made, and says who holds the index', async () => {
    neighbour = await StoppedNeighbour.in(directory)
    const first = await append().catch(error => error)
    expect(first).toBeInstanceOf(NotApplied)
    expect(first.message).toContain(`the index ${join(directory, 'index', 'index.sqlite')} is held up`)
    if (platform() === 'linux') {
      expect(first.message).toContain(`it is locked by process ${neighbour.pid} (`)
      expect(first.message).toContain(
        `which is stopped: let it go on (kill -CONT ${neighbour.pid}), or end it`,
      )
    }
    // Of its command line nothing that is a secret.
    expect(first.message).not.toContain('hush')
    // From now on nobody waits here.
    expect(store.refusal()).toBeInstanceOf(NotApplied)
    await expect(append()).rejects.toThrow(NotApplied)
    expect(await store.health.look()).toContain('is held up')
    expect(store.health.needsRestart?.()).toBeUndefined()

    await neighbour.goOn()
    expect(store.refusal()).toBeUndefined()
    expect(await append()).toMatchObject({ kind: 'appended', head: { nextOffset: 1 } })
    expect(await store.health.look()).toBeUndefined()
    // What was given up did not come later.
    expect((await everyEntry(store.index, partition)).size).toBe(1)
  })

  test('reads go on, a store can be opened, and nothing in this process stands still', async () => {
    await append()
    neighbour = await StoppedNeighbour.in(directory)
    const work = async () => {
      const other = await openLocalStore(directory)
      expect((await other.index.readHead(partition))?.nextOffset).toBe(1)
      await other.close()
      await append().catch(() => {})
      for (let times = 0; times < 50; times += 1) {
        expect((await store.index.readHead(partition))?.nextOffset).toBe(1)
        expect(await store.health.look(true)).toContain('is held up')
      }
    }
    // A wait in place would be as long as a turn.
    expect(await longestStallMs(work())).toBeLessThan(STORE_TURN_MS_MAX / 4)
  })

  test('a broker answers in time that nothing was written, stores no objects, and ends', async () => {
    const { broker, close, objects } = await openEmbedded({ directory, reportError: () => {} })
    await broker.createTopic({ topic: 'tides' })
    const produce = (bytes: number) => {
      const batches = batchOf(['x'.repeat(bytes)], { timestampMs: 1 })
      return broker.produce({ topic: 'tides', partition: 0, batches })
    }
    await produce(10)
    neighbour = await StoppedNeighbour.in(directory)
    const listed = async () => {
      let count = 0
      for await (const _ of objects.list()) count += 1
      return count
    }
    await append().catch(() => {})
    const before = await listed()
    const calls = [produce(10), produce(20_000), broker.createTopic({ topic: 'others' })]
    const commit = broker.commitOffsets({
      groupId: 'harbour',
      offsets: [{ topic: 'tides', partition: 0, offset: toOffset(1) }],
    })
    const failures = [...calls, commit].map(call => call.then(() => undefined).catch(error => error))
    // Told to end, it tries no longer than it has to.
    const closed = close()
    for (const failure of await Promise.all(failures)) {
      if (failure?.kafkaName === 'BROKER_NOT_AVAILABLE') continue
      expect(failure).toMatchObject({ written: 'no', retriable: true })
      expect(failure.message).toContain('is held up')
    }
    await closed
    // Of the two that were to be stored at most the one that came before anybody knew.
    expect((await listed()) - before).toBeLessThanOrEqual(1)
    await neighbour.goOn()
    const again = await openEmbedded({ directory })
    expect((await again.broker.describeTopic('tides')).offsets).toMatchObject([{ endOffset: 1 }])
    expect(await again.broker.listTopics()).toMatchObject([{ topic: 'tides' }])
    await again.close()
  })
})

test('beside a process that was stopped while it told the others of its write, nothing stands still a second time', async () => {
  await append()
  neighbour = await StoppedNeighbour.in(directory)
  const memory = join(directory, 'index', 'index.sqlite-shm')
  // By another process: this one would give up its locks.
  const turn = () => execFileSync(process.execPath, ['-e', TURN_BYTE, '--', memory])
  turn()
  // Once it has to find out.
  await expect(store.index.readHead(partition)).rejects.toThrow('is held up')
  const work = async () => {
    await expect(append()).rejects.toThrow('is held up')
    await expect(store.index.readHead(partition)).rejects.toThrow('is held up')
    expect(await store.health.look(true)).toContain('is held up')
  }
  expect(await longestStallMs(work())).toBeLessThan(STORE_TURN_MS_MAX / 4)
  turn()
  expect((await store.index.readHead(partition))?.nextOffset).toBe(1)
  await neighbour.goOn()
  expect(await append()).toMatchObject({ kind: 'appended', head: { nextOffset: 2 } })
})

test.runIf(platform() === 'linux')('looks at a store give up none of the locks of SQLite', async () => {
  const database = join(directory, 'index', 'index.sqlite')
  // Whoever closes a file gives up all locks that its process has on it.
  const locks = () => {
    const { ino } = statSync(database)
    return readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter(line => line.includes(` ${process.pid} `) && line.includes(`:${ino} `)).length
  }
  expect(locks()).toBe(1)
  for (let times = 0; times < 3; times += 1) {
    await sleep(600)
    expect(await store.health.look(true)).toBeUndefined()
  }
  expect(locks()).toBe(1)
})

test('where others get on, a write waits for its turn', async () => {
  const others = await Promise.all([1, 2, 3].map(() => openLocalStore(directory)))
  const stores = [store, ...others]
  const appends = Array.from({ length: 200 }, (_, number) =>
    stores[number % stores.length]!.index.append(partition, inlineEntry(1), toOffset(0)),
  )
  for (const appended of await Promise.all(appends)) expect(appended.kind).toBe('appended')
  expect((await everyEntry(store.index, partition)).size).toBe(200)
  for (const other of others) await other.close()
})
