import { expect, test } from 'vitest'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { batchOf, numbered, readAll } from '../harness.ts'
import { SettlingHarness, TINY } from './settling-harness.ts'

/** What a program sees that knows nothing of epochs: its heads have no floor, and its objects no epoch. */
function ofOlderProgram({ ports }: SettlingHarness): Ports {
  return { ...ports, upkeep: { ...ports.upkeep, readIngest: async () => undefined } }
}

test('a topic that a process of an older program makes behind a round keeps its records', async () => {
  const harness = new SettlingHarness()
  const broker = harness.open()
  const older = new LogBroker(ofOlderProgram(harness), {
    lingerMs: 0,
    hotTailBytes: 0,
    reportError: () => {},
  })
  await harness.run(broker.createTopic({ topic: 'tides' }))
  const produce = async (by: LogBroker, topic: string, value: string) => {
    const batches = batchOf([value], { padding: 8_000 })
    await harness.run(by.produce({ topic, partition: 0, batches }))
  }
  while (((await harness.plain.upkeep.readIngest())?.drained ?? 0) === 0) {
    await produce(broker, 'tides', 'a')
    await harness.pass(TINY.roundMs)
    await harness.maintain()
  }
  await harness.run(older.createTopic({ topic: 'waves' }))
  for (const value of numbered(0, 5)) await produce(older, 'waves', value)
  expect(await harness.objects('segments/')).not.toEqual([])
  const values = async () => {
    const records = await harness.run(readAll(harness.open(), { topic: 'waves', partition: 0 }))
    return records.map(({ value }) => value)
  }
  for (let run = 0; run < 10; run += 1) {
    await harness.pass(run % 2 === 0 ? TINY.graceMs : TINY.roundMs)
    await harness.maintain()
    await produce(broker, 'tides', 'a')
    expect(await values()).toEqual(numbered(0, 5))
  }
  expect(await harness.objects('segments/')).toEqual([])
})
