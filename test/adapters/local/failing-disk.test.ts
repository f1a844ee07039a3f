import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toOffset } from '../../../src/core/numbers.ts'
import { type Embedded, openEmbedded } from '../../../src/embedded/embedded.ts'
import { batchOf, recordsIn } from '../../broker/harness.ts'
import { type FailingDisk, mountFailingDisk } from './disks.ts'

const trial = await mountFailingDisk()
await trial?.remove()

describe.runIf(trial !== undefined)('a disk that fails under an open store', () => {
  let disk: FailingDisk
  let store: Embedded
  const at = { topic: 'tides', partition: 0 }
  const value = (bytes: number) => batchOf(['x'.repeat(bytes)], { timestampMs: 1 })

  beforeEach(async () => {
    disk = (await mountFailingDisk())!
    store = await openEmbedded({ directory: join(disk.path, 'store'), reportError: () => {} })
    await store.broker.createTopic({ topic: 'tides' })
    await store.broker.produce({ ...at, batches: value(10) })
    await store.broker.produce({ ...at, batches: value(20_000) })
  })
  afterEach(async () => {
    await store.close()
    await disk.remove()
  })

  test('is told as that on every call, as what no other try can mend, and by its health', async () => {
    const { broker, health } = store
    expect(await health?.look()).toBeUndefined()
    disk.fail()
    // Nobody has asked for anything yet.
    await expect.poll(() => health?.look()).toContain('the disk failed')
    const group = { groupId: 'harbour', memberId: 'm', memberEpoch: 0, owned: [], topics: ['tides'] }
    const reads: [string, () => Promise<unknown>][] = [
      ['listTopics', () => broker.listTopics()],
      ['describeTopic', () => broker.describeTopic('tides')],
      ['fetch', () => broker.fetch({ ...at, offset: toOffset(0) })],
      ['offsetFor', () => broker.offsetFor({ ...at, at: 'latest' })],
      ['listGroups', () => broker.listGroups()],
      ['listTriggers', () => broker.listTriggers()],
    ]
    const writes: [string, () => Promise<unknown>][] = [
      ['createTopic', () => broker.createTopic({ topic: 'others' })],
      ['alterTopic', () => broker.alterTopic({ topic: 'tides', partitions: 2 })],
      ['small produce', () => broker.produce({ ...at, batches: value(10) })],
      ['large produce', () => broker.produce({ ...at, batches: value(20_000) })],
      ['deleteRecords', () => broker.deleteRecords({ ...at, beforeOffset: toOffset(1) })],
      ['heartbeat', () => broker.heartbeat(group)],
      ['deleteTopic', () => broker.deleteTopic('tides')],
    ]
    for (const [name, call] of [...reads, ...writes]) {
      const failure = await call().then(
        () => 'it succeeded',
        error => error,
      )
      // What is in memory may still be told.
      if (failure === 'it succeeded' && reads.some(([read]) => read === name)) continue
      expect([name, failure]).toMatchObject([name, { kafkaName: 'KAFKA_STORAGE_ERROR', retriable: false }])
      // What the disk does not give any more is no damage.
      expect(failure.message).not.toContain('backup')
    }
    expect(await health?.look(true)).toContain('disk')
    expect(health?.needsRestart?.()).toContain('closed to writing')
  })

  test('keeps what was acknowledged', async () => {
    disk.fail()
    await store.broker.produce({ ...at, batches: value(10) }).catch(() => {})
    await store.close()
    disk.mend()
    store = await openEmbedded({ directory: join(disk.path, 'store'), reportError: () => {} })
    const records = []
    for (let offset = toOffset(0); offset < 2; ) {
      const fetched = await store.broker.fetch({ ...at, offset })
      records.push(...recordsIn(fetched.chunks))
      offset = fetched.nextOffset
    }
    expect(records.map(record => record.value.length)).toEqual([10, 20_000])
    expect(await store.health?.look(true)).toBeUndefined()
  })
})
