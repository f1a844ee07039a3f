import { describe, expect, test } from 'vitest'
import type { Fault, FaultSource } from '../../../src/adapters/memory/network.ts'
import { SleepyProcess } from '../../simulation/sleepy-process.ts'
import { OutboxRun, TOPIC, Writer } from './outbox-run.ts'

/**
 * One relay is disturbed at one of its steps, another one goes on, and the first one comes back if it can: whichever step and
 * whichever trouble it is, each item is in the log once, and those of each writer are in their order.
 */

const HOUR_MS = 3_600_000
const TROUBLES = [
  'crash before',
  'crash after',
  'refused',
  'lost request',
  'lost answer',
  'late',
  'duplicate',
  'sleeps',
  'sleeps after',
] as const
type Trouble = (typeof TROUBLES)[number]

/** A relay meets trouble at its step number `at`. Tells whether there was such a step. */
async function disturb(
  at: number,
  trouble: Trouble,
  { before, meanwhile }: Record<'before' | 'meanwhile', (run: OutboxRun) => Promise<void>>,
): Promise<boolean> {
  const run = new OutboxRun()
  await run.createTopic()
  await before(run)
  const process = new SleepyProcess('disturbed', run.clock)
  let steps = 0
  let isHit = false
  const faults: FaultSource = {
    nextFault: writes => {
      steps += 1
      // The step before is done by now, and its answer has come.
      if (trouble === 'sleeps after' && steps === at + 1) process.fallAsleep(HOUR_MS)
      if (steps !== at) return 'none'
      isHit = true
      if (trouble === 'sleeps') process.fallAsleep(HOUR_MS)
      if (trouble === 'sleeps' || trouble === 'sleeps after') return 'none'
      return writes || trouble === 'crash before' || trouble === 'refused'
        ? (trouble satisfies Fault)
        : 'none'
    },
    nextDelayMs: fault => (fault === 'slow' ? HOUR_MS : 1),
  }
  const relay = run.farRelay(process, faults)
  const disturbed = relay.relay([run.partition()], run.clock.monotonicMs() + 10_000)
  let isOver = false
  const over = () => {
    isOver = true
  }
  disturbed.then(over, over)
  await run.clock.runUntil(() => isHit || isOver)
  if (!isHit) return false
  await run.pass(5)
  await meanwhile(run)
  // Patient, and then it takes over; the second time for what came meanwhile.
  await run.drain()
  await run.pass(3_000)
  await run.drain()
  await run.settleOrDie(process, disturbed)
  // What is late has landed then.
  await run.pass(3 * HOUR_MS)
  await run.drain()
  expect([at, trouble, await run.problems()]).toEqual([at, trouble, []])
  expect(run.parked).toEqual([])
  return true
}

const writers = new WeakMap<OutboxRun, Writer[]>()

async function put(run: OutboxRun, round: string): Promise<void> {
  const [one, other] = writers.get(run) ?? [
    new Writer('one', run.clock, run.entropy.id()),
    new Writer('other', run.clock, run.entropy.id()),
  ]
  writers.set(run, [one!, other!])
  for (const each of ['a', 'b', 'c']) {
    await run.put(one!, [`one:${round}${each}1`, `one:${round}${each}2`])
    await run.put(other!, [`other:${round}${each}`])
  }
}

const nothing = async () => {}

describe.each(TROUBLES)('a relay that meets "%s"', trouble => {
  test.each([
    ['with its first items', { before: run => put(run, '0'), meanwhile: nothing }],
    [
      'with its first items, and others come',
      { before: run => put(run, '0'), meanwhile: run => put(run, '1') },
    ],
    [
      'when it has moved some before',
      {
        before: async run => {
          await put(run, '0')
          await run.drain()
          await put(run, '1')
        },
        meanwhile: run => put(run, '2'),
      },
    ],
  ] as [string, Parameters<typeof disturb>[2]][])('%s, at any step', async (_, around) => {
    let steps = 0
    while (await disturb(steps + 1, trouble, around)) steps += 1
    expect(steps).toBeGreaterThan(5)
  })
})

describe.each(TROUBLES)('a relay that meets "%s" while items are put aside', trouble => {
  test('at any step, puts each aside once, and loses none', async () => {
    for (let at = 1; ; at += 1) {
      const run = new OutboxRun()
      await run.createTopic()
      const writer = new Writer('one', run.clock, run.entropy.id())
      const partition = run.partition()
      for (const value of ['one:a', 'one:b', 'one:c']) await run.put(writer, [value])
      await run.settle(run.broker.deleteTopic(TOPIC))
      const process = new SleepyProcess('disturbed', run.clock)
      let steps = 0
      const faults: FaultSource = {
        nextFault: writes => {
          steps += 1
          if (steps === at && trouble.startsWith('sleeps')) process.fallAsleep(HOUR_MS)
          if (steps !== at || trouble.startsWith('sleeps')) return 'none'
          return writes || trouble === 'crash before' || trouble === 'refused' ? (trouble as Fault) : 'none'
        },
        nextDelayMs: fault => (fault === 'slow' ? HOUR_MS : 1),
      }
      const relay = run.farRelay(process, faults)
      const disturbed = relay.relay([partition], run.clock.monotonicMs() + 10_000)
      await run.pass(5)
      await run.drain(run.relay(), [partition])
      await run.settleOrDie(process, disturbed)
      await run.pass(3 * HOUR_MS)
      await run.drain(run.relay(), [partition])
      const aside = []
      for await (const item of run.store.outboxes.parked(partition)) aside.push(item)
      expect([at, aside.map(({ error }) => error)]).toEqual([
        at,
        Array.from({ length: 3 }, () => 'UNKNOWN_TOPIC_OR_PARTITION'),
      ])
      expect(await run.store.outboxes.waiting(partition, 10, 1_000_000)).toEqual([])
      if (steps < at) return
    }
  })
})
