/** A group's deletion that the store breaks off. */
import { beforeEach, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { NotApplied } from '../../../src/ports/outcome.ts'
import { Harness } from '../harness.ts'
import { GROUP } from './harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 1 }))
  const offsets = [{ topic: 'orders', partition: 0, offset: toOffset(0) }]
  await harness.run(broker.commitOffsets({ groupId: GROUP, offsets }))
})

const failure = () => harness.run(broker.deleteGroup(GROUP).catch(error => error))

test('before it began has written nothing', async () => {
  harness.around = async (method, _, call) => {
    if (method === 'removeGroup') throw new NotApplied('it is held up')
    return await call()
  }
  expect(await failure()).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'no' })
})

test('in the middle may be done for all that anybody knows', async () => {
  harness.around = async (method, _, call) => {
    const answer = await call()
    if (method === 'removeGroup') throw new NotApplied('it is held up since its first step')
    return answer
  }
  expect(await failure()).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'unknown' })
})
