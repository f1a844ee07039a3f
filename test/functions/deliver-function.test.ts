import { expect, test } from 'vitest'
import { makeDeliverFunction } from '../../functions/deliver/deliver-function.ts'
import type { QueueMessage } from '../../functions/deliver/queue-event.ts'
import { encodeWakeUp } from '../../src/adapters/aws/delivery/sqs-wake-ups.ts'
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import type { Delivered, DeliverOptions } from '../../src/broker/triggers/delivering/delivered.ts'
import {
  DELIVERY_STALLED_MS,
  FUNCTION_RESERVE_MS,
  TRIGGER_CALL_GRACE_MS,
  WAKE_UP_FAILED_PAUSE_MS,
  WAKE_UP_RESERVE_MS,
} from '../../src/core/limits.ts'
import type { WakeUp } from '../../src/core/trigger/trigger.ts'
import { NotApplied } from '../../src/ports/outcome.ts'
import type { LanedWakeUp } from '../../src/ports/wake-ups.ts'
import { contextOf, openTestService } from './function-service.ts'

const WAKE_UP: WakeUp = {
  triggerId: '0123456789abcdef0123456789abcdef',
  groupId: 'shipping',
  topic: 'orders',
  partition: { topicId: '2f1d7e0c-7a4b-4b43-9d5c-0d2c8a1f3b11', partition: 3 },
}
const CAUGHT_UP: Delivered = {
  outcome: 'caught-up',
  afterMs: 0,
  reason: '',
  records: 7,
  calls: 2,
  failedCalls: 0,
  givenUp: 0,
}
const TIMEOUT_MS = 30_000

type Deliver = (wakeUp: WakeUp, options: DeliverOptions) => Promise<Delivered>

/** A deliver function over a delivery that does as it is told, and what its queue was asked for. */
function functionOver(deliver: Deliver, hide: () => Promise<void> = async () => {}) {
  const clock = new VirtualClock(1_700_000_000_000)
  const service = openTestService({ clock })
  const hidden: [receipt: string, forMs: number][] = []
  const sent: [wakeUps: readonly LanedWakeUp[], occasion: string][] = []
  const queue = {
    wake: async (...wake: [readonly LanedWakeUp[], string]) => void sent.push(wake),
    hide: async (receipt: string, forMs: number) => {
      hidden.push([receipt, forMs])
      await hide()
    },
  }
  const call = makeDeliverFunction(service, { deliver }, queue)
  const send = (body = encodeWakeUp(WAKE_UP), ageMs = 0) => {
    const SentTimestamp = `${clock.nowMs() - ageMs}`
    const message: QueueMessage = {
      messageId: 'message-1',
      receiptHandle: 'receipt-1',
      body,
      attributes: { SentTimestamp },
    }
    return call({ Records: [message] }, contextOf(TIMEOUT_MS))
  }
  return { send, hidden, sent, service, clock }
}

const DONE = { batchItemFailures: [] }
const AGAIN = { batchItemFailures: [{ itemIdentifier: 'message-1' }] }

test('a wake-up that is worked off is done, and is told of in one line', async () => {
  let got: [WakeUp, DeliverOptions] | undefined
  const { send, service, clock } = functionOver(async (...call) => {
    got = call
    return CAUGHT_UP
  })
  const startedMs = clock.nowMs()
  const beganMs = clock.monotonicMs()
  expect(await send(undefined, 5_000)).toEqual(DONE)
  const [wakeUp, { deadlineMs, sentMs }] = got!
  expect(wakeUp).toEqual(WAKE_UP)
  expect(sentMs).toBe(startedMs - 5_000)
  // There is time for the answer of a call that began just before.
  expect(deadlineMs).toBe(beganMs + TIMEOUT_MS - FUNCTION_RESERVE_MS - TRIGGER_CALL_GRACE_MS)
  expect(service.telemetry.reports).toEqual([
    {
      metrics: { Requests: 1, DeliveredRecords: 7, FunctionCalls: 2, FailedCalls: 0, GivenUpRecords: 0 },
      details: {
        requestId: 'request-1',
        groupId: 'shipping',
        topic: 'orders',
        partition: 3,
        outcome: 'caught-up',
        reason: '',
      },
    },
  ])
  expect(service.telemetry.logged).toEqual([])
})

test('nobody else gets the message for as long as a call can take, and not for much longer', async () => {
  const { send, hidden } = functionOver(async (_, { beforeCall }) => {
    await beforeCall!(60_000)
    return CAUGHT_UP
  })
  await send()
  expect(hidden).toEqual([
    ['receipt-1', WAKE_UP_RESERVE_MS],
    ['receipt-1', 60_000 + TRIGGER_CALL_GRACE_MS + WAKE_UP_RESERVE_MS],
  ])
})

test('what has to wait stays in the queue, hidden until then', async () => {
  const waiting: Delivered = { ...CAUGHT_UP, outcome: 'again', afterMs: 4_000, reason: 'no', failedCalls: 1 }
  const { send, hidden, service } = functionOver(async () => waiting)
  expect(await send()).toEqual(AGAIN)
  expect(hidden.at(-1)).toEqual(['receipt-1', 4_000])
  expect(service.telemetry.logged).toMatchObject([
    { level: 'warn', details: { reason: 'no', topic: 'orders' } },
  ])
  expect(service.telemetry.sum('StalledDeliveries')).toBe(0)
})

test('a partition whose turn is over goes behind the others of its lane', async () => {
  const { send, sent } = functionOver(async () => ({ ...CAUGHT_UP, outcome: 'again', afterMs: 0, lane: 1 }))
  expect(await send()).toEqual(DONE)
  expect(sent).toEqual([[[{ ...WAKE_UP, lane: 1 }], 'turn-message-1']])
})

test('what makes no progress for long is told as stalled', async () => {
  const stuck: Delivered = {
    ...CAUGHT_UP,
    outcome: 'again',
    afterMs: 60_000,
    reason: 'no',
    records: 0,
    calls: 1,
  }
  const { send, service } = functionOver(async () => stuck)
  await send(undefined, DELIVERY_STALLED_MS - 1)
  expect(service.telemetry.sum('StalledDeliveries')).toBe(0)
  await send(undefined, DELIVERY_STALLED_MS)
  expect(service.telemetry.sum('StalledDeliveries')).toBe(1)
  expect(service.telemetry.logged).toMatchObject([{ level: 'warn', details: { reason: 'no' } }])
})

test('a wake-up of a trigger that is gone is done', async () => {
  const { send } = functionOver(async () => ({ ...CAUGHT_UP, outcome: 'dropped', reason: 'it is gone' }))
  expect(await send()).toEqual(DONE)
})

test.each(['', 'no json', 'null', '{}', '7', encodeWakeUp({ ...WAKE_UP, triggerId: '' })])(
  'a message that is no wake-up does not hold up its lane: %j',
  async body => {
    const { send, service } = functionOver(async () => {
      throw new Error('never')
    })
    expect(await send(body)).toEqual(DONE)
    expect(service.telemetry.logged).toMatchObject([{ level: 'error', details: { messageId: 'message-1' } }])
  },
)

test('a defect leaves the message in the queue, for a while', async () => {
  const { send, hidden, service } = functionOver(async () => {
    throw new TypeError('a defect')
  })
  expect(await send()).toEqual(AGAIN)
  expect(hidden.at(-1)).toEqual(['receipt-1', WAKE_UP_FAILED_PAUSE_MS])
  expect(service.telemetry.logged).toMatchObject([{ level: 'error' }])
  expect(service.telemetry.sum('Errors')).toBe(1)
})

test('without the message hidden the function is not called', async () => {
  let calls = 0
  const { send, service } = functionOver(
    async (_, { beforeCall }) => {
      await beforeCall!(1_000)
      calls += 1
      return CAUGHT_UP
    },
    async () => {
      throw new NotApplied('no queue today')
    },
  )
  expect(await send()).toEqual(AGAIN)
  expect(calls).toBe(0)
  expect(service.telemetry.logged.map(({ level }) => level)).toEqual(['warn', 'error', 'warn'])
})

test('a message stays hidden however long it takes to read, and no longer than that', async () => {
  let isRead = false
  const parts = functionOver(async (_, { beforeCall }) => {
    await parts.clock.sleep(3 * WAKE_UP_RESERVE_MS)
    await beforeCall!(60_000)
    await parts.clock.sleep(60_000)
    isRead = true
    return CAUGHT_UP
  })
  const { clock, hidden, send } = parts
  const sending = send()
  await clock.runUntil(() => isRead)
  expect(await sending).toEqual(DONE)
  const times = hidden.map(([, forMs]) => forMs)
  // At the start, twice in each reserve's time until the call, and no more while the call is under way.
  expect(times).toEqual([
    ...Array.from({ length: 6 }, () => WAKE_UP_RESERVE_MS),
    60_000 + TRIGGER_CALL_GRACE_MS + WAKE_UP_RESERVE_MS,
  ])
})
