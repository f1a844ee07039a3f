import { expect, test } from 'vitest'
import { Lanes } from '../../../src/embedded/triggers/lanes.ts'
import { PartitionLoop } from '../../../src/embedded/triggers/partition-loop.ts'
import { TOPIC, TriggerHarness } from '../../broker/triggers/harness.ts'

test('a partition that has caught up is looked at again for what comes, and not for the cut of a flush', async () => {
  const on = await TriggerHarness.open()
  await on.run(on.broker.alterTopic({ topic: TOPIC, set: { 'flush.ms': '100' } }))
  on.broker.start()
  const delivery = on.newDelivery()
  let deliveries = 0
  const stopping = new AbortController()
  const loop = new PartitionLoop(
    {
      ports: on.harness.ports,
      directory: on.directory,
      broker: on.broker,
      trigger: on.trigger,
      lanes: new Lanes(),
      report: () => {},
      delivery: {
        deliver: async (...given) => {
          deliveries += 1
          return await delivery.deliver(...given)
        },
      },
    },
    await on.harness.partitionId(TOPIC),
    stopping.signal,
  )
  const ended = loop.run()
  await on.append(['a'])
  await on.harness.pass(50)
  expect(on.called).toEqual([[0]])
  expect(on.harness.count('trimTail')).toBe(0)
  const before = deliveries
  // Long enough for the flush, and for a long poll to end and begin anew.
  await on.harness.pass(60_000)
  expect(on.harness.count('trimTail')).toBe(1)
  expect(deliveries).toBe(before)
  await on.append(['b'])
  await on.harness.pass(50)
  expect(on.called).toEqual([[0], [1]])
  expect(deliveries).toBe(before + 1)
  stopping.abort()
  await on.run(ended)
})
