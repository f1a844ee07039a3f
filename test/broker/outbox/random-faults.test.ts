import { describe, expect, test } from 'vitest'
import type { Fault, FaultSource } from '../../../src/adapters/memory/network.ts'
import { Network } from '../../../src/adapters/memory/network.ts'
import type { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import { SleepyProcess } from '../../simulation/sleepy-process.ts'
import { OutboxRun, transact, Writer } from './outbox-run.ts'

/** Writers and relays, all of them across a network with faults, processes that die and that sleep. A seed replays. */

const SEEDS = 60
const PARTITIONS = 2
const WRITERS = 3
const TRANSACTIONS = 12
const RELAYS = 3
const ROUNDS = 12

const OF_READS: readonly Fault[] = ['slow', 'refused', 'crash before']
const OF_WRITES: readonly Fault[] = [
  'slow',
  'refused',
  'lost request',
  'lost answer',
  'late',
  'duplicate',
  'crash before',
  'crash after',
]
/** A writer that dies leaves nobody who could say what it had committed. */
const OF_WRITERS: readonly Fault[] = ['slow', 'refused', 'lost request', 'lost answer', 'late', 'duplicate']

function faultsOf(
  random: SeededEntropy,
  process: SleepyProcess,
  share: number,
  kinds = OF_WRITES,
): FaultSource {
  return {
    nextFault: writes => {
      if (random.fraction() < share / 10) process.fallAsleep(random.integer(100, 4_000_000))
      if (random.fraction() >= share) return 'none'
      return random.pick(writes ? kinds : OF_READS)
    },
    nextDelayMs: fault => (fault === 'slow' ? random.integer(50, 5_000) : random.integer(1, 15)),
  }
}

async function write(run: OutboxRun, name: string, share: number): Promise<void> {
  const process = new SleepyProcess(name, run.clock)
  const faults = faultsOf(run.entropy, process, share, OF_WRITERS)
  const items = run.store.items.across(
    new Network(process, { ...faults, nextFault: () => faults.nextFault(true) }, run.clock),
  )
  const writer = new Writer(name, run.clock, run.entropy.id())
  for (let number = 0; number < TRANSACTIONS; number += 1) {
    const partition = run.entropy.integer(0, PARTITIONS - 1)
    const values = Array.from(
      { length: run.entropy.integer(1, 3) },
      (_, index) => `${name}:${number}.${index}`,
    )
    const item = writer.item(values)
    await transact(items, run.clock, `${name}-${number}`, run.partition(partition), item)
    run.noteCommitted(writer, values, partition)
    await run.clock.sleep(run.entropy.integer(0, 300))
  }
}

async function relayRounds(run: OutboxRun, name: string, share: number): Promise<void> {
  let process = new SleepyProcess(name, run.clock)
  let relay = run.farRelay(process, faultsOf(run.entropy, process, share))
  for (let round = 0; round < ROUNDS; round += 1) {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => run.partition(partition))
    await Promise.race([relay.relay(partitions, run.clock.monotonicMs() + 20_000), process.died])
    if (!process.isAlive) {
      process = new SleepyProcess(`${name}-${round}`, run.clock)
      relay = run.farRelay(process, faultsOf(run.entropy, process, share))
    }
    await run.clock.sleep(run.entropy.integer(0, 500))
  }
}

describe('outboxes under faults', () => {
  test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))('of the seed %i', async seed => {
    const run = new OutboxRun(seed)
    await run.createTopic(PARTITIONS)
    const share = run.entropy.pick([0.02, 0.1, 0.3])
    const work = [
      ...Array.from({ length: WRITERS }, (_, index) => write(run, `w${index}`, share)),
      ...Array.from({ length: RELAYS }, (_, index) => relayRounds(run, `r${index}`, share)),
    ]
    await run.settle(Promise.all(work))
    // Whoever sleeps wakes up, and what is late lands.
    await run.pass(20_000_000)
    await run.drain()
    await run.pass(5_000)
    await run.drain()
    expect(await run.problems(PARTITIONS)).toEqual([])
    expect(run.parked).toEqual([])
  })
})
