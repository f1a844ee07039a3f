import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { type Rebuilding, RebuildSummary, rebuild } from '../../../src/broker/rebuilding/rebuild.ts'
import type { Ports } from '../../../src/ports/index.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import { SettlingHarness } from '../settling/settling-harness.ts'

/** The same objects, and an index in which nothing stands. */
export function withoutIndex(harness: SettlingHarness): SettlingHarness {
  const other = new SettlingHarness(harness.entropy.integer(1, 1_000_000))
  const { items: _, across: __, ...stores } = openMemoryStore(harness.clock)
  const { objects, clock } = harness.plain
  const plain: Ports = { ...stores, objects, clock, entropy: other.entropy }
  return Object.assign(other, { clock: harness.clock, plain, ports: plain })
}

export async function rebuildOn(harness: SettlingHarness, ports: Ports = harness.plain) {
  const summary = new RebuildSummary()
  const told: Rebuilding[] = []
  const all = (async () => {
    for await (const each of rebuild(ports, summary)) told.push(each)
  })()
  await harness.run(all)
  return { summary, told }
}

/** What is known of each topic but what is new with each write. */
export async function topicsOf({ plain }: SettlingHarness): Promise<Partial<TopicItem>[]> {
  const topics: Partial<TopicItem>[] = []
  for await (const { version: _, ...topic } of plain.topics.list()) topics.push(topic)
  return topics
}
