import { expect, test } from 'vitest'
import { Harness } from '../../harness.ts'
import { joining, sync } from './classic-member.ts'

const G = 'g'

test('once all members of a group are silent, anybody commits for it', async () => {
  const harness = new Harness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  const joined = await harness.run(broker.joinGroup(joining(G)))
  await harness.run(sync(broker, G, joined))
  const offsets = [{ topic: 'tides', partition: 0, offset: 7 }]
  const commit = () => broker.commitClassic({ groupId: G, memberId: '', generation: -1, offsets })
  expect((await harness.errorOf(commit())).kafkaName).toBe('UNKNOWN_MEMBER_ID')
  await harness.pass(60_000)
  expect((await harness.run(broker.describeClassic(G)))?.state).toBe('Empty')
  expect(await harness.run(commit())).toEqual([{ topic: 'tides', partition: 0, error: null }])
})
