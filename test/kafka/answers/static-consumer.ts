import type { RequestOf } from '../../../src/gateway/wire/api.ts'
import { ConsumerGroupHeartbeat } from '../../../src/gateway/wire/messages/consumer-group-heartbeat.ts'
import type { Asking } from './scene.ts'

/** A static member that pauses, and is replaced; and another that comes while it is there. */
export async function staticConsumer(
  ask: Asking,
  joining: RequestOf<typeof ConsumerGroupHeartbeat>,
): Promise<void> {
  const beat = (label: string, more: object) =>
    ask(`instance: ${label}`, ConsumerGroupHeartbeat, 1, { ...joining, instanceId: 'one', ...more })
  const first = await beat('join', { memberId: 'first' })
  const standing = {
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: null,
    topicPartitions: null,
    memberEpoch: first?.memberEpoch ?? 0,
  }
  await beat('heartbeat without its name', { ...standing, memberId: 'first', instanceId: null })
  await beat('heartbeat by another name', { ...standing, memberId: 'first', instanceId: 'two' })
  await beat('pause', { ...standing, memberId: 'first', memberEpoch: -2 })
  const second = await beat('join in its place', { memberId: 'second' })
  await beat('heartbeat of whom it replaces', { ...standing, memberId: 'first' })
  await beat('leave of whom it replaces', { ...standing, memberId: 'first', memberEpoch: -1 })
  const now = { ...standing, memberEpoch: second?.memberEpoch ?? 0 }
  await beat('join in the place of one that is there', { memberId: 'third' })
  await beat('heartbeat of one that is there', { ...now, memberId: 'second' })
}
