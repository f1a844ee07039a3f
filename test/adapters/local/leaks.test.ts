import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import { LogBroker } from '../../../src/broker/log-broker.ts'
import { untilDeadline } from '../../../src/broker/settling/budget.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { maintain } from '../../../src/broker/settling/maintain.ts'
import { settlingSettings } from '../../../src/broker/settling/settling-settings.ts'
import { VerifySummary } from '../../../src/broker/verifying/finding.ts'
import { verify } from '../../../src/broker/verifying/verify.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { partitionsOf } from '../../../src/core/topic/partition-id.ts'
import { systemClock } from '../../../src/embedded/system.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import { leaks } from '../../simulation/leaks.ts'

const MINUTE_MS = 60_000
const SETTINGS = settlingSettings({
  rollBytes: 1,
  rollAgedBytes: 1,
  rollAgedMs: 0,
  rollYoungMs: 0,
  mergeSegmentsMin: 3,
  graceMs: MINUTE_MS,
  advanceMs: 1,
  roundMs: MINUTE_MS,
  resweepMs: 2 * MINUTE_MS,
})

/** The machine's clock, and time that has passed when a test says so. */
class PassingClock implements Clock {
  #passedMs = 0
  pass(durationMs: number): void {
    this.#passedMs += durationMs
  }
  nowMs = () => systemClock.nowMs() + this.#passedMs
  monotonicMs = () => systemClock.monotonicMs() + this.#passedMs
  sleep: Clock['sleep'] = (durationMs, signal) => systemClock.sleep(durationMs, signal)
  turn: Clock['turn'] = () => systemClock.turn()
}

test('after records, deletions, compaction and time, a directory has nothing that nobody needs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-leaks-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const clock = new PassingClock()
  const entropy = new SeededEntropy(7)
  const { close, format: _, health: __, checkIndex: ___, ...stores } = await openLocalStore(directory)
  const ports = { ...stores, clock, entropy }
  const broker = new LogBroker(ports, { lingerMs: 0, reportError: () => {}, flushes: 'elsewhere' })

  const produce = async (topic: string, count: number) => {
    const records = Array.from({ length: count }, () => ({
      key: Buffer.from(`${entropy.integer(0, 9)}`),
      value: Buffer.alloc(entropy.integer(1, 9_000)),
      timestampMs: clock.nowMs(),
    }))
    await broker.produce({ topic, partition: 0, batches: new Uint8Array(encodeBatch(records, {})) })
  }
  const settle = async () => {
    for await (const topic of ports.topics.list()) {
      if (topic.state !== 'live') continue
      for (const age of ['all', { epochsBelow: Number.POSITIVE_INFINITY }] as const) {
        const requests = partitionsOf(topic).map(partition => ({ partition, age }))
        await flush(ports, requests, clock.monotonicMs() + 10_000)
      }
    }
    const budget = untilDeadline(clock.monotonicMs() + MINUTE_MS)
    const run = await maintain(ports, SETTINGS, { upkeep: true, isForced: true }, budget)
    expect([run.isDone, run.failed]).toEqual([true, []])
  }

  const compacted = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' }
  await broker.createTopic({ topic: 'kept', configs: { 'retention.ms': '-1' } })
  await broker.createTopic({ topic: 'compacted', configs: compacted })
  await broker.createTopic({ topic: 'short', configs: { 'retention.ms': `${3 * MINUTE_MS}` } })
  for (let round = 0; round < 8; round += 1) {
    await broker.createTopic({ topic: `gone-${round}` })
    for (const topic of ['kept', 'compacted', 'short', `gone-${round}`]) await produce(topic, 4)
    if (round % 2 === 0) await settle()
    if (round === 5) {
      const { offsets } = await broker.describeTopic('kept')
      const beforeOffset = toOffset(offsets[0]!.startOffset + 6)
      await broker.deleteRecords({ topic: 'kept', partition: 0, beforeOffset })
    }
    await broker.deleteTopic(`gone-${round}`)
    clock.pass(MINUTE_MS)
  }
  for (let day = 0; day < 8; day += 1) {
    clock.pass(3 * MINUTE_MS)
    await settle()
  }
  expect(await leaks(ports)).toEqual([])
  const findings: unknown[] = []
  clock.pass(MINUTE_MS)
  for await (const finding of verify(ports, new VerifySummary(), { isDeep: true })) findings.push(finding)
  expect(findings).toEqual([])
  await broker.close()
  await close()
  // Nor are there folders of what has gone.
  const left = await readdir(join(directory, 'objects'))
  expect(left.toSorted()).toEqual(expect.arrayContaining(['deleted', 'format.json', 'log']))
  expect(await readdir(join(directory, 'objects', 'log'))).toHaveLength(3)
})
