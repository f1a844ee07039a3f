import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { firstIngest, type Ingest } from '../../../src/core/ingest/ingest.ts'
import { toPosition } from '../../../src/core/numbers.ts'
import { deletedTopicKey } from '../../../src/core/storage-layout.ts'
import { Harness } from '../harness.ts'

let harness: Harness
let broker: LogBroker
let ingest: Ingest

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  ingest = { ...firstIngest(harness.clock.nowMs(), 'v0'), floor: 3 }
  await harness.plain.upkeep.putIngest(ingest, undefined)
})

async function raise(floor: number): Promise<void> {
  const next = { ...ingest, floor, version: `v${floor}` }
  expect(await harness.plain.upkeep.putIngest(next, ingest.version)).toBe(true)
  ingest = next
}

async function floors(partitions: number): Promise<number[][]> {
  const heads = []
  for (let partition = 0; partition < partitions; partition += 1) {
    const head = await harness.plain.index.readHead(await harness.partitionId('tides', partition))
    heads.push([head!.appendFloor, head!.drained])
  }
  return heads
}

/** Has a round begin, with this floor, right before the first call of a method. */
function roundBefore(method: string, floor: number): void {
  let isFirst = true
  harness.around = async (called, _, call) => {
    if (called === method && isFirst) {
      isFirst = false
      await raise(floor)
    }
    return await call()
  }
}

describe('heads are made with the floor of the store', () => {
  test('and drained, since there is nothing in them', async () => {
    await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }))
    expect(await floors(2)).toEqual([
      [3, 3],
      [3, 3],
    ])
  })

  test.each(['createHead', 'put'])(
    'and raised before the topic is live where a round has begun by %s',
    async method => {
      roundBefore(method, 5)
      await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }))
      expect(await floors(2)).toEqual([
        [5, 5],
        [5, 5],
      ])
    },
  )

  test('those of a growth as well, and the others are for the round to raise', async () => {
    await harness.run(broker.createTopic({ topic: 'tides', partitions: 1 }))
    roundBefore('createHead', 7)
    await harness.run(broker.alterTopic({ topic: 'tides', partitions: 3 }))
    expect(await floors(3)).toEqual([
      [3, 3],
      [7, 7],
      [7, 7],
    ])
  })
})

test('a deleted topic leaves word of what it leaves behind', async () => {
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 4 }))
  const { topicId } = await harness.partitionId('tides')
  const deletedMs = harness.clock.nowMs()
  await harness.run(broker.deleteTopic('tides'))
  const notes = []
  for await (const note of harness.plain.upkeep.notes('topic')) notes.push(note)
  expect(notes).toEqual([
    { kind: 'topic', topicId, name: 'tides', partitions: 4, notedMs: deletedMs, sweeps: 0 },
  ])
  const tombstone = await harness.plain.objects.get(deletedTopicKey(topicId), toPosition(0), 1_000)
  expect(JSON.parse(Buffer.from(tombstone!).toString())).toEqual({ name: 'tides', deletedMs })
})
