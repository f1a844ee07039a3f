import { describe, expect, test } from 'vitest'
import { runLargeGroup } from '../../bench/large-group.ts'
import { encodeTargetChunkItem } from '../../src/adapters/aws/items/target-chunk.ts'
import { itemBytes } from '../../src/adapters/aws/table/item-bytes.ts'
import { type AssignedMember, assign } from '../../src/core/group/assigning/assignment.ts'
import type { AssignorName } from '../../src/core/group/group.ts'
import { splitTarget } from '../../src/core/group/target-chunk.ts'
import { HEARTBEAT_INTERVAL_DEFAULT_MS, TABLE_ITEM_BYTES_MAX } from '../../src/core/limits.ts'
import { targetIdOf } from '../../src/core/storage-layout.ts'

const ID = '0a2e8c1f-1111-4222-8333-444455556666'

function idOf(number: number): string {
  return `${number.toString(16).padStart(8, '0')}${ID.slice(8)}`
}

test('a hundred members share a thousand partitions: few moves, cheap heartbeats, few targets', async () => {
  const { changes, steady, largestItems } = await runLargeGroup({
    members: 100,
    topics: 10,
    partitionsPerTopic: 100,
    joinMs: 1_000,
    storeMs: 5,
  })
  const [storm, join, leave, death] = changes
  // One after the other, each for all who have joined since: as time passes, not as members are many.
  expect(storm!.targets).toBeLessThan(40)
  expect(storm!.settledMs).toBeLessThan(6_000 + 2 * HEARTBEAT_INTERVAL_DEFAULT_MS)
  for (const { name, moved, movedMin, targets, settledMs } of [join!, leave!, death!]) {
    expect([name, moved]).toEqual([name, movedMin])
    expect([name, targets]).toEqual([name, 1])
    const sessionMs = name === death!.name ? 45_000 : 0
    expect(settledMs).toBeLessThan(sessionMs + 2 * HEARTBEAT_INTERVAL_DEFAULT_MS)
  }
  expect(steady.plain / steady.heartbeats).toBeGreaterThan(0.97)
  expect(Math.max(...Object.values(largestItems))).toBeLessThan(TABLE_ITEM_BYTES_MAX)
}, 60_000)

describe('the target of a thousand members and ten thousand partitions', () => {
  const longIdOf = (index: number) => `instance-${String(index).padStart(240, 'x')}`
  const shapes: [AssignorName, number, (index: number) => string, number][] = [
    ['cooperative-sticky', 10, idOf, 1_000],
    ['round-robin', 1_000, idOf, 1_000],
    ['round-robin', 1_000, longIdOf, 1_000],
    // By range, the first member owns the first partition of every topic.
    ['range', 10_000, longIdOf, 1],
  ]

  test.each(shapes)('by %s, of %i topics, fits into items', (assignor, topics, memberId, owners) => {
    const members = Array.from({ length: 1_000 }, (_, index): AssignedMember => {
      return { memberId: memberId(index), instanceId: null, topics: names(topics), topicPattern: null }
    })
    const described = names(topics).map((name, index) => {
      return { name, topicId: idOf(index), partitions: 10_000 / topics }
    })
    const chunks = splitTarget(assign(assignor, members, described, new Map()))
    const sizes = chunks.map((chunk, index) =>
      itemBytes(encodeTargetChunkItem('g'.repeat(249), targetIdOf(1, ID.replaceAll('-', '')), index, chunk)),
    )
    expect(Math.max(...sizes)).toBeLessThan(TABLE_ITEM_BYTES_MAX)
    expect(chunks.reduce((sum, { size }) => sum + size, 0)).toBe(owners)
  })

  function names(count: number): string[] {
    return Array.from({ length: count }, (_, index) => `topic-${index}`)
  }
})
