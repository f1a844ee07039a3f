import { beforeEach, describe, expect, test } from 'vitest'
import { EVENT_BYTES_MAX, TRIGGER_STORE_PAUSE_MS, TRIGGER_TURN_MS } from '../../../../src/core/limits.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { triggerOwner } from '../../../../src/core/trigger/trigger.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../../../src/ports/outcome.ts'
import { NOW_MS, numbered } from '../../harness.ts'
import { GROUP, putTrigger, succeeded, THROTTLED, TOPIC, TriggerHarness, threw } from '../harness.ts'

let on: TriggerHarness

beforeEach(async () => {
  on = await TriggerHarness.open()
})

/** A filter that lets pass what has one of these values. */
function values(...wanted: string[]): string {
  return JSON.stringify({ value: wanted })
}

describe('a wake-up', () => {
  test('delivers what the group has not committed, in batches and in order', async () => {
    await on.alter({ settings: { batchSize: 4 } })
    await on.append(numbered(0, 6))
    await on.append(numbered(6, 4))
    expect(await on.deliver()).toEqual({
      outcome: 'caught-up',
      afterMs: 0,
      reason: '',
      records: 10,
      calls: 3,
      failedCalls: 0,
      givenUp: 0,
    })
    expect(on.called).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ])
    expect(await on.committed()).toEqual({ offset: 10, progress: null })
    await on.append(numbered(10, 1))
    await on.deliver()
    expect(on.called.at(-1)).toEqual([10])
  })

  test('sees what was appended while a batch that had failed was called again', async () => {
    await on.append(numbered(0, 1))
    on.answer = () => threw()
    await on.deliver()
    on.answer = async offsets => {
      if (offsets[0] === 0) await on.append(numbered(1, 1))
      return succeeded()
    }
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', records: 2 })
  })

  test('commits a batch before the next one is called', async () => {
    await on.alter({ settings: { batchSize: 2 } })
    await on.append(numbered(0, 6))
    const committed: unknown[] = []
    on.answer = async () => {
      committed.push((await on.committed())?.offset ?? null)
      return succeeded()
    }
    await on.deliver()
    expect(committed).toEqual([null, 2, 4])
  })

  test('finds nothing to do where nothing is behind', async () => {
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 0 })
    await on.append(numbered(0, 1))
    await on.deliver()
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 0, records: 0 })
    expect(on.called).toEqual([[0]])
  })

  test('costs one read of the trigger, the claim and the head, and a commit for each batch', async () => {
    await on.append(numbered(0, 1))
    await on.deliver()
    await on.append(numbered(1, 10))
    await on.alter({ settings: { batchSize: 5 } })
    const before = on.harness.calls.length
    await on.deliver()
    const calls = on.harness.calls.slice(before).map(({ method }) => method)
    expect(calls.sort()).toEqual(['commit', 'commit', 'readClaim', 'readHead', 'readTrigger'])
    expect(on.called.slice(1)).toHaveLength(2)
  })

  test.each([
    [
      'the trigger is gone',
      () => on.harness.plain.triggers.removeTrigger(GROUP, TOPIC, on.trigger.triggerId),
    ],
    ['the trigger is paused', () => on.alter({ state: 'paused' })],
  ])('is dropped where %s', async (reason, change) => {
    await on.append(numbered(0, 1))
    await change()
    expect(await on.deliver()).toMatchObject({ outcome: 'dropped', reason })
    expect(on.called).toEqual([])
  })

  test('is dropped where it is of a trigger that was made anew', async () => {
    await on.append(numbered(0, 1))
    expect(await on.deliver({ triggerId: 'before' })).toMatchObject({ outcome: 'dropped' })
  })

  test('is dropped where its topic was deleted, or made anew', async () => {
    await on.append(numbered(0, 1))
    const partition = await on.harness.partitionId(TOPIC)
    const wakeUp = { triggerId: on.trigger.triggerId, groupId: GROUP, topic: TOPIC, partition }
    const options = { deadlineMs: NOW_MS * 2, sentMs: NOW_MS }
    const delivery = on.newDelivery()
    await on.run(on.broker.deleteTopic(TOPIC))
    expect(await on.run(delivery.deliver(wakeUp, options))).toMatchObject({ outcome: 'dropped' })
    await on.run(on.broker.createTopic({ topic: TOPIC }))
    await on.append(numbered(0, 3))
    expect(await on.run(delivery.deliver(wakeUp, options))).toMatchObject({ outcome: 'dropped' })
    expect(on.called).toEqual([])
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', records: 3 })
  })

  test('is worked on where its topic was made anew a moment before', async () => {
    const delivery = on.newDelivery()
    const wake = async () => {
      const partition = await on.harness.partitionId(TOPIC)
      const wakeUp = { triggerId: on.trigger.triggerId, groupId: GROUP, topic: TOPIC, partition }
      return await on.run(delivery.deliver(wakeUp, { deadlineMs: NOW_MS * 2, sentMs: NOW_MS }))
    }
    await on.append(numbered(0, 1))
    await wake()
    await on.run(on.broker.deleteTopic(TOPIC))
    await on.run(on.broker.createTopic({ topic: TOPIC }))
    await on.append(numbered(0, 3))
    expect(await wake()).toMatchObject({ outcome: 'caught-up', records: 3 })
  })

  test('comes back when its time is over, and has called at least once', async () => {
    await on.alter({ settings: { batchSize: 1 } })
    await on.append(numbered(0, 5))
    on.answer = async () => {
      await on.harness.clock.sleep(1_000)
      return succeeded()
    }
    const nowMs = on.harness.clock.monotonicMs()
    expect(await on.deliver({ deadlineMs: nowMs + 5_000 })).toMatchObject({
      outcome: 'again',
      afterMs: 0,
      calls: 3,
    })
    expect(await on.deliver({ deadlineMs: nowMs })).toMatchObject({ outcome: 'again', calls: 1 })
    expect(on.called).toHaveLength(4)
  })

  test('ends its turn where others may share its lane, and names the lane', async () => {
    await on.alter({ settings: { batchSize: 1, parallelism: 1 } })
    await on.append(numbered(0, 5))
    on.answer = async () => {
      await on.harness.clock.sleep(TRIGGER_TURN_MS / 2)
      return succeeded()
    }
    expect(await on.deliver()).toMatchObject({ outcome: 'again', afterMs: 0, lane: 0, calls: 2 })
    await on.alter({ settings: { batchSize: 1, parallelism: null } })
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 3 })
  })

  test('begins no call once it is told to stop', async () => {
    await on.alter({ settings: { batchSize: 1 } })
    await on.append(numbered(0, 5))
    const stop = new AbortController()
    on.answer = () => {
      stop.abort()
      return succeeded()
    }
    expect(await on.deliver({ signal: stop.signal })).toMatchObject({
      outcome: 'again',
      afterMs: 0,
      calls: 1,
    })
    expect(await on.committed()).toMatchObject({ offset: 1 })
  })

  test('says before each call how long it may take', async () => {
    await on.alter({ settings: { batchSize: 1, callTimeoutMs: 7_000 } })
    await on.append(numbered(0, 2))
    const told: number[] = []
    await on.deliver({
      beforeCall: async timeoutMs => {
        told.push(timeoutMs, on.called.length)
      },
    })
    expect(told).toEqual([7_000, 0, 7_000, 1])
  })

  test('sees within a second that the trigger was paused, and not before the batch under way is committed', async () => {
    await on.alter({ settings: { batchSize: 1 } })
    await on.append(numbered(0, 5))
    on.answer = async () => {
      await on.harness.clock.sleep(1_000)
      if (on.called.length === 2) await on.alter({ state: 'paused' })
      return succeeded()
    }
    expect(await on.deliver()).toMatchObject({
      outcome: 'dropped',
      reason: 'the trigger is paused',
      calls: 2,
    })
    expect(await on.committed()).toMatchObject({ offset: 2 })
  })
})

describe('a claim', () => {
  test('is the trigger’s from the first wake-up on, and its group is there', async () => {
    await on.append(numbered(0, 1))
    await on.deliver()
    const claim = await on.harness.plain.groups.readClaim(GROUP, await on.harness.partitionId(TOPIC))
    expect(claim!.owner).toBe(triggerOwner(on.trigger.triggerId))
    expect(await on.run(on.broker.describeGroup(GROUP))).toMatchObject({ groupId: GROUP })
  })

  test('is taken from a trigger that is no more, without what that one noted down', async () => {
    await on.append(numbered(0, 2))
    on.answer = () => threw()
    await on.deliver()
    expect((await on.committed())!.progress).toMatchObject({ attempts: 1 })
    await on.harness.plain.triggers.removeTrigger(GROUP, TOPIC, on.trigger.triggerId)
    on.trigger = await putTrigger(on.harness, { triggerId: 'another' })
    await on.deliver()
    expect((await on.committed())!.progress).toMatchObject({ attempts: 1 })
    const claim = await on.harness.plain.groups.readClaim(GROUP, await on.harness.partitionId(TOPIC))
    expect(claim!.owner).toBe(triggerOwner('another'))
  })

  test('of a living member is left to it', async () => {
    await on.append(numbered(0, 1))
    const { groups } = on.harness.plain
    const partition = await on.harness.partitionId(TOPIC)
    await groups.putMember(GROUP, {
      memberId: 'member',
      incarnation: 'member',
      instanceId: null,
      clientId: '',
      topics: [TOPIC],
      topicPattern: null,
      assignor: 'range',
      sessionTimeoutMs: 45_000,
      joinedMs: NOW_MS,
      leaseUntilMs: NOW_MS + 45_000,
      settledEpoch: 0,
    })
    await groups.setOwner(GROUP, partition, 'member', undefined)
    expect(await on.deliver()).toMatchObject({ outcome: 'again', afterMs: 60_000, calls: 0 })
    await on.harness.pass(51_000)
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 1 })
  })

  test('that is reset during a call fences the commit, and delivery goes on from there', async () => {
    await on.alter({ settings: { batchSize: 3 } })
    await on.append(numbered(0, 6))
    const { groups } = on.harness.plain
    const partition = await on.harness.partitionId(TOPIC)
    on.answer = async () => {
      if (on.called.length === 2) {
        const claim = await groups.readClaim(GROUP, partition)
        await groups.setOwner(GROUP, partition, null, claim!)
        const committed = { offset: toOffset(1), leaderEpoch: -1, metadata: '', committedMs: NOW_MS * 2 }
        await groups.commit(GROUP, partition, committed, 'unowned', claim!.committed!.committedMs)
      }
      return succeeded()
    }
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up' })
    expect(on.called).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [1, 2, 3],
      [4, 5],
    ])
  })

  test('that is reset while a commit gets no answer is not taken for committed', async () => {
    await on.alter({ settings: { batchSize: 3 } })
    await on.append(numbered(0, 3))
    const { groups } = on.harness.plain
    const partition = await on.harness.partitionId(TOPIC)
    let commits = 0
    on.harness.around = async (method, _, call) => {
      commits += method === 'commit' ? 1 : 0
      if (method !== 'commit' || commits > 1) return await call()
      const claim = await groups.readClaim(GROUP, partition)
      await groups.setOwner(GROUP, partition, null, claim!)
      const committed = { offset: toOffset(1), leaderEpoch: -1, metadata: '', committedMs: NOW_MS * 2 }
      await groups.commit(GROUP, partition, committed, 'unowned', null)
      throw new OutcomeUnknown('timed out')
    }
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up' })
    expect(on.called).toEqual([
      [0, 1, 2],
      [1, 2],
    ])
  })

  test('with what somebody else noted down is believed as far as it makes sense', async () => {
    await on.append(numbered(0, 4))
    await on.deliver()
    await on.append(numbered(4, 2))
    const { groups } = on.harness.plain
    const partition = await on.harness.partitionId(TOPIC)
    const claim = (await groups.readClaim(GROUP, partition))!
    const metadata = '{"trigger":1,"attempts":1,"failures":1,"sinceMs":1,"ends":[2,4,5],"error":""}'
    const committed = { ...claim.committed!, metadata, committedMs: NOW_MS * 2 }
    const by = { owner: claim.owner!, generation: claim.generation }
    await groups.commit(GROUP, partition, committed, by, claim.committed!.committedMs)
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 2 })
    expect(on.called.slice(1)).toEqual([[4], [5]])
  })

  test('that is reset while the trigger is paused fences, and nothing more is delivered', async () => {
    await on.alter({ settings: { batchSize: 3 } })
    await on.append(numbered(0, 6))
    on.answer = async () => {
      await on.alter({ state: 'paused' })
      const claim = await on.harness.plain.groups.readClaim(GROUP, await on.harness.partitionId(TOPIC))
      await on.harness.plain.groups.setOwner(GROUP, await on.harness.partitionId(TOPIC), null, claim!)
      return succeeded()
    }
    expect(await on.deliver()).toMatchObject({ outcome: 'dropped', reason: 'the trigger is paused' })
    expect(on.called).toEqual([[0, 1, 2]])
    expect(await on.committed()).toBeNull()
  })
})

describe('a log', () => {
  test('whose committed records were deleted goes on at its start, without what was noted of them', async () => {
    await on.append(numbered(0, 10))
    on.answer = () => threw()
    await on.deliver()
    await on.run(on.broker.deleteRecords({ topic: TOPIC, partition: 0, beforeOffset: toOffset(4) }))
    await on.deliver()
    expect(await on.committed()).toMatchObject({ offset: 4, progress: { attempts: 1 } })
    on.answer = () => succeeded()
    await on.deliver()
    expect(on.called.at(-1)).toEqual([4, 5, 6, 7, 8, 9])
    expect(await on.committed()).toEqual({ offset: 10, progress: null })
  })

  test('that ends before what is committed drops the wake-up', async () => {
    await on.append(numbered(0, 2))
    const offsets = [{ topic: TOPIC, partition: 0, offset: toOffset(100) }]
    await on.run(on.broker.commitOffsets({ groupId: GROUP, offsets }))
    expect(await on.deliver()).toMatchObject({ outcome: 'dropped', calls: 0 })
  })

  test('with damaged bytes stalls there, says so, and skips nothing', async () => {
    await on.append(numbered(0, 3))
    // Large enough to lie in an object.
    await on.append(numbered(3, 2), { padding: 5_000 })
    await on.append(numbered(5, 1))
    on.harness.around = async (method, _, call) => {
      const result = await call()
      if (method === 'get' && result instanceof Uint8Array) result[100]! ^= 1
      return result
    }
    const first = await on.deliver()
    expect(first).toMatchObject({ outcome: 'again', records: 3 })
    expect(first.reason).toContain('offset 3')
    expect(first.reason).toContain('move the group')
    expect(first.afterMs).toBeLessThanOrEqual(1_000)
    const second = await on.deliver()
    expect(second.afterMs).toBeGreaterThanOrEqual(1_000)
    expect(await on.committed()).toMatchObject({ offset: 3, progress: { attempts: 0, failures: 2 } })
    expect(on.called).toEqual([[0, 1, 2]])
    on.harness.around = (_, __, call) => call()
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', records: 3 })
    expect(await on.committed()).toEqual({ offset: 6, progress: null })
  })
})

describe('filters', () => {
  test('pass over what fits none, and commit it once', async () => {
    await on.alter({ settings: { filters: [values('b')] } })
    await on.append(['a', 'a', 'b', 'a', 'b', 'a'])
    await on.append(['a'])
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', records: 2, calls: 1 })
    expect(on.called).toEqual([[2, 4]])
    expect(await on.committed()).toMatchObject({ offset: 7 })
    expect(on.harness.count('commit')).toBe(1)
    await on.append(['a', 'a'])
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 0 })
    expect(await on.committed()).toMatchObject({ offset: 9 })
    expect(on.harness.count('commit')).toBe(2)
  })

  test('that change are used at once', async () => {
    await on.alter({ settings: { filters: [values('b')] } })
    await on.append(['a', 'b'])
    const delivery = on.newDelivery()
    const wakeUp = {
      triggerId: on.trigger.triggerId,
      groupId: GROUP,
      topic: TOPIC,
      partition: await on.harness.partitionId(TOPIC),
    }
    const options = { deadlineMs: NOW_MS * 2, sentMs: NOW_MS }
    await on.run(delivery.deliver(wakeUp, options))
    await on.alter({ settings: { filters: [values('a')] } })
    await on.append(['a', 'b'])
    await on.run(delivery.deliver(wakeUp, options))
    expect(on.called).toEqual([[1], [2]])
  })

  test('that change during a delivery are used from the next look at the trigger on', async () => {
    await on.alter({ settings: { filters: [values('b')], batchSize: 1 } })
    await on.append(['b', 'b', 'a', 'b'])
    on.answer = async () => {
      await on.harness.clock.sleep(1_000)
      if (on.called.length === 1) await on.alter({ settings: { filters: [values('a')] } })
      return succeeded()
    }
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 2 })
    expect(on.called).toEqual([[0], [2]])
  })

  test('that pass next to nothing have it committed now and then, and keep nothing waiting', async () => {
    await on.alter({ settings: { filters: [values('b')] } })
    const many = Array.from({ length: 20_000 }, () => 'a')
    await on.append(['b'])
    for (let batch = 0; batch < 6; batch += 1) await on.append(many)
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 1 })
    // With the record that passed, after what makes it worth it, and at the end.
    const commits = on.harness.calls.filter(({ method }) => method === 'commit')
    expect(commits.map(({ args }) => (args[2] as { offset: number }).offset)).toEqual([60_001, 120_001])
    expect(await on.committed()).toMatchObject({ offset: 120_001 })
  })

  test('a failing batch is halved by its own records', async () => {
    await on.alter({ settings: { filters: [values('b')], bisectBatchOnError: true, retryAttempts: 0 } })
    await on.append(['a', 'b', 'a', 'b', 'a', 'b', 'a'])
    on.answer = offsets => (offsets.includes(5) ? threw() : succeeded())
    expect(await on.deliverUntilDone()).toMatchObject({ outcome: 'caught-up', givenUp: 1 })
    expect(on.called).toEqual([[1, 3, 5], [1, 3], [5]])
    expect(await on.committed()).toEqual({ offset: 7, progress: null })
  })
})

describe('the batching window', () => {
  beforeEach(async () => {
    await on.alter({ settings: { maxBatchingWindowMs: 12_000, batchSize: 5 } })
    await on.append(numbered(0, 3))
  })

  test('lets a batch wait until it is over', async () => {
    const sentMs = on.harness.clock.nowMs()
    expect(await on.deliver({ sentMs })).toMatchObject({ outcome: 'again', afterMs: 5_000, calls: 0 })
    await on.harness.pass(9_000)
    expect(await on.deliver({ sentMs })).toMatchObject({ outcome: 'again', afterMs: 3_000, calls: 0 })
    expect(on.harness.count('commit')).toBe(0)
    await on.harness.pass(3_000)
    expect(await on.deliver({ sentMs })).toMatchObject({ outcome: 'caught-up', calls: 1 })
  })

  test('waits in place where it is short, and takes what came meanwhile', async () => {
    const sentMs = on.harness.clock.nowMs()
    await on.harness.pass(11_500)
    const delivered = on.deliver({ sentMs })
    await on.append(numbered(3, 1))
    expect(await delivered).toMatchObject({ outcome: 'caught-up', calls: 1 })
    expect(on.called).toEqual([[0, 1, 2, 3]])
    expect(on.harness.clock.nowMs() - sentMs).toBe(12_000)
  })

  test('keeps no full batch waiting, nor one that failed', async () => {
    await on.append(numbered(3, 3))
    on.answer = () => threw()
    expect(await on.deliver()).toMatchObject({ outcome: 'again', calls: 1 })
    on.answer = () => succeeded()
    expect(await on.deliver()).toMatchObject({ outcome: 'again', afterMs: 5_000, calls: 1 })
    expect(on.called).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ])
  })
})

describe('a failing batch', () => {
  test('is tried again as it was, by whoever delivers, without end', async () => {
    await on.append(numbered(0, 2))
    on.answer = () => threw('Error: '.padEnd(400, 'x'))
    const waits: number[] = []
    for (let round = 0; round < 12; round += 1) {
      const { outcome, afterMs, reason } = await on.deliver()
      expect(outcome).toBe('again')
      expect(reason).toContain('Error: xxx')
      waits.push(afterMs)
      await on.append(numbered(2 + round, 1))
    }
    expect(new Set(on.called.map(String))).toEqual(new Set(['0,1']))
    for (const [round, afterMs] of waits.entries()) {
      const longestMs = Math.min(60_000, 1_000 * 2 ** round)
      expect(afterMs).toBeLessThanOrEqual(longestMs)
      expect(afterMs).toBeGreaterThanOrEqual(longestMs / 2)
    }
    expect(await on.committed()).toMatchObject({
      offset: 0,
      progress: { attempts: 12, failures: 12, ends: [2] },
    })
    on.answer = () => succeeded()
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 2 })
  })

  test('is given up after its last retry, told, and passed', async () => {
    await on.alter({ settings: { retryAttempts: 2, onFailure: 'arn:aws:sqs:x', batchSize: 2 } })
    await on.append(numbered(0, 4))
    on.answer = offsets => (offsets.includes(1) ? threw() : succeeded())
    expect(await on.deliverUntilDone()).toMatchObject({ outcome: 'caught-up', givenUp: 2, records: 2 })
    expect(on.called.map(String)).toEqual(['0,1', '0,1', '0,1', '2,3'])
    expect(on.givenUp).toEqual([[0, 1]])
    expect(on.given[0]!.event).toBe(on.events[0])
    expect(JSON.stringify(JSON.parse(on.given[0]!.report))).toContain('RetryAttemptsExhausted')
    expect(await on.committed()).toEqual({ offset: 4, progress: null })
  })

  test('is given up in silence where nobody is to be told', async () => {
    await on.alter({ settings: { retryAttempts: 0 } })
    await on.append(numbered(0, 2))
    on.answer = () => threw()
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', givenUp: 2, failedCalls: 1 })
  })

  test('is tried ten times more where somebody can be told and no number is set', async () => {
    await on.alter({ settings: { onFailure: 'arn:aws:sqs:x' } })
    await on.append(numbered(0, 1))
    on.answer = () => threw()
    await on.deliverUntilDone()
    expect(on.called).toHaveLength(11)
  })

  test('is taken apart until what is at fault stands alone', async () => {
    await on.alter({ settings: { retryAttempts: 1, bisectBatchOnError: true, onFailure: 'arn:aws:sqs:x' } })
    await on.append(numbered(0, 10))
    on.answer = offsets => (offsets.includes(6) ? threw() : succeeded())
    await on.deliverUntilDone()
    expect(on.givenUp).toEqual([[6]])
    const first = on.called.filter(offsets => !offsets.includes(6)).flat()
    expect(first).toEqual([0, 1, 2, 3, 4, 5, 7, 8, 9])
    expect(on.called.filter(offsets => String(offsets) === '6')).toHaveLength(2)
    expect(await on.committed()).toEqual({ offset: 10, progress: null })
  })

  test('of which the function names a record is committed up to it', async () => {
    await on.alter({
      settings: { retryAttempts: 1, reportBatchItemFailures: true, onFailure: 'arn:aws:sqs:x' },
    })
    await on.append(numbered(0, 6))
    on.answer = offsets =>
      succeeded(offsets.includes(2) ? { batchItemFailures: [{ itemIdentifier: 2 }] } : null)
    const first = await on.deliver()
    expect(first).toMatchObject({ outcome: 'again', records: 2, failedCalls: 1 })
    expect(await on.committed()).toMatchObject({ offset: 2, progress: { attempts: 1 } })
    await on.deliverUntilDone()
    expect(on.called.map(String)).toEqual(['0,1,2,3,4,5', '2,3,4,5', '3,4,5'])
    expect(on.givenUp).toEqual([[2]])
  })

  test('is as good as done where the function’s words are not asked for', async () => {
    await on.append(numbered(0, 2))
    on.answer = () => succeeded({ batchItemFailures: [{ itemIdentifier: 0 }] })
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', failedCalls: 0 })
  })

  test('is not blamed for calls that did not reach the function', async () => {
    await on.alter({ settings: { retryAttempts: 0, onFailure: 'arn:aws:sqs:x' } })
    await on.append(numbered(0, 2))
    on.answer = () => THROTTLED
    for (let round = 0; round < 5; round += 1) expect(await on.deliver()).toMatchObject({ outcome: 'again' })
    expect(await on.committed()).toMatchObject({ offset: 0, progress: { attempts: 0, failures: 5 } })
    on.answer = () => succeeded()
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', records: 2, givenUp: 0 })
  })
})

describe('what is given up', () => {
  test('is told of before it is committed, and again where the destination did not hear', async () => {
    await on.alter({ settings: { retryAttempts: 0, onFailure: 'arn:aws:sqs:x' } })
    await on.append(numbered(0, 2))
    on.answer = () => threw()
    on.destinationFails = () => new StoreFailed('the queue is missing')
    const failed = await on.deliver()
    expect(failed).toMatchObject({ outcome: 'again', givenUp: 0 })
    expect(failed.reason).toContain('the queue is missing')
    expect(await on.committed()).toMatchObject({ offset: 0, progress: { attempts: 1, ends: [2] } })
    await on.append(numbered(2, 1))
    on.destinationFails = () => undefined
    on.answer = () => succeeded()
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', givenUp: 2, records: 1 })
    // Nobody calls again what was called as often as it may be.
    expect(on.called).toEqual([[0, 1], [2]])
    expect(on.givenUp).toEqual([[0, 1]])
    expect(on.given[0]!.report).toContain('Error: no')
  })

  test('is told again in place where the destination is throttled for a moment', async () => {
    await on.alter({ settings: { retryAttempts: 0, onFailure: 'arn:aws:sqs:x' } })
    await on.append(numbered(0, 2))
    on.answer = () => threw()
    const failures = [new NotApplied('throttled'), new OutcomeUnknown('timed out')]
    on.destinationFails = () => failures.shift()
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', givenUp: 2 })
  })

  test('is what is too old, without a call; what is not is called', async () => {
    await on.alter({ settings: { maxRecordAgeMs: 60_000, onFailure: 'arn:aws:sqs:x' } })
    await on.append(numbered(0, 2), { timestampMs: NOW_MS - 120_000 })
    await on.append(numbered(2, 2), { timestampMs: NOW_MS })
    await on.append(numbered(4, 1), { timestampMs: NOW_MS - 120_000 })
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', givenUp: 3, records: 2 })
    expect(on.called).toEqual([[2, 3]])
    expect(on.givenUp).toEqual([[0, 1], [4]])
    expect(on.given[0]!.report).toContain('RecordAgeExceeded')
  })

  test('is not what only a clock makes old that was set ahead', async () => {
    await on.alter({ settings: { maxRecordAgeMs: 60_000, onFailure: 'arn:aws:sqs:x' } })
    const delivery = on.newDelivery()
    on.harness.clock.stepWall(25 * 3_600_000)
    await on.append(numbered(0, 2), { timestampMs: NOW_MS })
    const partition = await on.harness.partitionId(on.trigger.topic)
    const { triggerId, groupId, topic } = on.trigger
    const { clock } = on.harness
    const options = { deadlineMs: clock.monotonicMs() + 840_000, sentMs: clock.nowMs() }
    const delivered = await on.run(delivery.deliver({ triggerId, groupId, topic, partition }, options))
    expect(delivered).toMatchObject({ outcome: 'caught-up', givenUp: 0, records: 2 })
  })

  test('is what fails until it is too old', async () => {
    await on.alter({ settings: { maxRecordAgeMs: 60_000, onFailure: 'arn:aws:sqs:x', retryAttempts: 1_000 } })
    await on.append(numbered(0, 2), { timestampMs: NOW_MS })
    on.answer = () => threw()
    expect(await on.deliverUntilDone()).toMatchObject({ outcome: 'caught-up', givenUp: 2 })
    expect(on.called.length).toBeGreaterThan(3)
    expect(on.given[0]!.report).toContain('RecordAgeExceeded')
  })

  test('is a record that no event has room for', async () => {
    await on.alter({ settings: { onFailure: 'arn:aws:sqs:x' } })
    await on.append(['a'])
    await on.append(['b'], { padding: EVENT_BYTES_MAX, compression: 'gzip' })
    await on.append(['c'])
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', givenUp: 1, records: 2 })
    expect(on.called).toEqual([[0], [2]])
    expect(on.givenUp).toEqual([[1]])
    expect(on.given[0]!.report).toContain('MaximumPayloadSizeExceeded')
  })

  test('is not such a record where everything is tried without end: it stalls, and says what to do', async () => {
    await on.append(['a'])
    await on.append(['b'], { padding: EVENT_BYTES_MAX, compression: 'gzip' })
    const delivered = await on.deliver()
    expect(delivered).toMatchObject({ outcome: 'again', records: 1 })
    expect(delivered.reason).toContain('offset 1')
    expect(delivered.reason).toContain('onFailure')
    expect(await on.committed()).toMatchObject({ offset: 1, progress: { attempts: 0, failures: 1 } })
  })
})

describe('events', () => {
  test('are never larger than a call may be, and as full as they can', async () => {
    await on.alter({ settings: { batchSize: 10_000 } })
    for (let batch = 0; batch < 12; batch += 1) {
      await on.append(numbered(batch * 2, 2), { padding: 400_000, compression: 'gzip' })
    }
    await on.deliver()
    const sizes = on.events.map(event => Buffer.byteLength(event))
    expect(Math.max(...sizes)).toBeLessThanOrEqual(EVENT_BYTES_MAX)
    expect(on.called.flat()).toEqual(Array.from({ length: 24 }, (_, offset) => offset))
    expect(on.called.length).toBeLessThanOrEqual(4)
  })
})

describe('a store that fails', () => {
  test('for a moment is waited for', async () => {
    await on.append(numbered(0, 3))
    let failures = 0
    on.harness.around = async (method, _, call) => {
      if ((method === 'commit' || method === 'readClaim') && failures++ % 2 === 0)
        throw new NotApplied('throttled')
      return await call()
    }
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', records: 3, calls: 1 })
  })

  test('to answer has committed all the same', async () => {
    await on.alter({ settings: { batchSize: 2 } })
    await on.append(numbered(0, 4))
    on.harness.around = async (method, _, call) => {
      const result = await call()
      if (method === 'commit' && on.harness.count('commit') % 2 === 1) throw new OutcomeUnknown('timed out')
      return result
    }
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', records: 4, calls: 2 })
  })

  test('for long is an outcome: the batch comes again', async () => {
    await on.append(numbered(0, 3))
    on.harness.around = async (method, _, call) => {
      if (method === 'commit') throw new NotApplied('throttled')
      return await call()
    }
    const delivered = await on.deliver()
    expect(delivered).toMatchObject({ outcome: 'again', calls: 1 })
    expect(delivered.reason).toContain('REQUEST_TIMED_OUT')
    expect(delivered.afterMs).toBeGreaterThanOrEqual(TRIGGER_STORE_PAUSE_MS / 2)
    expect(delivered.afterMs).toBeLessThanOrEqual(TRIGGER_STORE_PAUSE_MS)
    on.harness.around = (_, __, call) => call()
    expect(await on.deliver()).toMatchObject({ outcome: 'caught-up', calls: 1 })
  })

  test('by a defect is no outcome', async () => {
    await on.append(numbered(0, 1))
    on.answer = () => {
      throw new TypeError('a defect')
    }
    await expect(on.deliver()).rejects.toThrow(TypeError)
  })
})
