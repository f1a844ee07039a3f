import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TopicItem, TopicStore } from '../../src/ports/topic-store.ts'
import { freshId } from './samples.ts'

export interface OpenedTopicStore {
  readonly topics: TopicStore
  close(): Promise<void>
}

/** What every TopicStore promises. The store is opened once, and need not be empty nor used by nobody else. */
export function describeTopicStore(name: string, open: () => Promise<OpenedTopicStore>): void {
  describe(`${name} as a topic store`, () => {
    let opened: OpenedTopicStore
    let topics: TopicStore

    beforeAll(async () => {
      opened = await open()
      topics = opened.topics
    })
    afterAll(async () => {
      await opened.close()
    })

    const freshName = () => `conformance-${freshId()}`

    function topicItem(overrides: Partial<TopicItem> = {}): TopicItem {
      return {
        name: freshName(),
        topicId: randomUUID(),
        partitions: 3,
        configs: {},
        createdMs: 1_700_000_000_000,
        state: 'live',
        version: freshId(),
        ...overrides,
      }
    }

    const changed = (item: TopicItem, overrides: Partial<TopicItem> = {}): TopicItem => ({
      ...item,
      version: freshId(),
      ...overrides,
    })

    async function listed(prefix: string): Promise<string[]> {
      const names: string[] = []
      for await (const item of topics.list()) if (item.name.startsWith(prefix)) names.push(item.name)
      return names
    }

    test('gives back an item as it was put', async () => {
      const item = topicItem({
        partitions: 10_000,
        configs: { 'retention.ms': '-1', 'cleanup.policy': 'delete,compact' },
        createdMs: Number.MAX_SAFE_INTEGER,
        expires: true,
        grownMs: { 3: 1, 10: Number.MAX_SAFE_INTEGER },
        state: 'deleting',
      })
      expect(await topics.put(item, undefined)).toBe(true)
      expect(await topics.get(item.name)).toEqual(item)
    })

    test('has no item of a name that was never put', async () => {
      expect(await topics.get(freshName())).toBeUndefined()
    })

    test('takes the longest name that there is', async () => {
      const item = topicItem({ name: freshName().padEnd(249, 'x') })
      expect(await topics.put(item, undefined)).toBe(true)
      expect(await topics.get(item.name)).toEqual(item)
      expect(await topics.get(item.name.slice(0, -1))).toBeUndefined()
    })

    test('keeps each state, and how far a topic is growing', async () => {
      const item = topicItem()
      let expected: string | undefined
      for (const change of [
        { state: 'making' as const },
        { state: 'live' as const, growingTo: 7 },
        { state: 'live' as const },
        { state: 'deleting' as const, growingTo: 9 },
      ]) {
        const put = changed(item, change)
        expect(await topics.put(put, expected)).toBe(true)
        expect(await topics.get(item.name)).toEqual(put)
        expected = put.version
      }
    })

    test('puts a first item only where there is none', async () => {
      const item = topicItem()
      expect(await topics.put(item, undefined)).toBe(true)
      expect(await topics.put(changed(item, { partitions: 9 }), undefined)).toBe(false)
      expect(await topics.put(item, undefined)).toBe(false)
      expect(await topics.get(item.name)).toEqual(item)
    })

    test('replaces an item only from the version that stands', async () => {
      const first = topicItem()
      const second = changed(first, { partitions: 5 })
      const third = changed(first, { partitions: 6 })
      await topics.put(first, undefined)
      expect(await topics.put(second, first.version)).toBe(true)
      expect(await topics.put(third, first.version)).toBe(false)
      expect(await topics.get(first.name)).toEqual(second)
      expect(await topics.put(third, second.version)).toBe(true)
      expect(await topics.get(first.name)).toEqual(third)
    })

    test('replaces nothing where there is nothing', async () => {
      const item = topicItem()
      expect(await topics.put(item, freshId())).toBe(false)
      expect(await topics.get(item.name)).toBeUndefined()
    })

    test('lets one of twenty creators win', async () => {
      const name = freshName()
      const items = Array.from({ length: 20 }, (_, number) => topicItem({ name, partitions: number + 1 }))
      const won = await Promise.all(items.map(item => topics.put(item, undefined)))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await topics.get(name)).toEqual(items[won.indexOf(true)])
    })

    test('lets one of twenty changes from the same version win', async () => {
      const item = topicItem()
      await topics.put(item, undefined)
      const changes = Array.from({ length: 20 }, (_, number) => changed(item, { partitions: number + 4 }))
      const won = await Promise.all(changes.map(change => topics.put(change, item.version)))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await topics.get(item.name)).toEqual(changes[won.indexOf(true)])
    })

    test('removes an item only at the version that stands', async () => {
      const first = topicItem()
      const second = changed(first)
      await topics.put(first, undefined)
      await topics.put(second, first.version)
      expect(await topics.remove(first.name, first.version)).toBe(false)
      expect(await topics.get(first.name)).toEqual(second)
      expect(await topics.remove(first.name, second.version)).toBe(true)
      expect(await topics.get(first.name)).toBeUndefined()
      expect(await topics.remove(first.name, second.version)).toBe(false)
      expect(await topics.remove(freshName(), first.version)).toBe(false)
    })

    test('lets one of twenty removals win', async () => {
      const item = topicItem()
      await topics.put(item, undefined)
      const removals = Array.from({ length: 20 }, () => topics.remove(item.name, item.version))
      expect((await Promise.all(removals)).filter(Boolean)).toHaveLength(1)
    })

    test('does not take an item that was removed and made again for the old one', async () => {
      const old = topicItem()
      await topics.put(old, undefined)
      await topics.remove(old.name, old.version)
      const recreated = changed(old, { topicId: randomUUID() })
      expect(await topics.put(recreated, undefined)).toBe(true)
      expect(await topics.put(changed(old), old.version)).toBe(false)
      expect(await topics.remove(old.name, old.version)).toBe(false)
      expect(await topics.get(old.name)).toEqual(recreated)
    })

    test('lists the topics in the order of their names, those being deleted too', async () => {
      const prefix = freshName()
      const names = [
        '',
        '-a',
        '.a',
        '0',
        '10',
        '9',
        'A',
        'B',
        '_x',
        'a',
        'a-b',
        'a.b',
        'aa',
        'b',
        'z'.repeat(150),
      ]
      for (const suffix of names.toReversed()) {
        await topics.put(
          topicItem({ name: `${prefix}${suffix}`, state: suffix === 'b' ? 'deleting' : 'live' }),
          undefined,
        )
      }
      expect(await listed(prefix)).toEqual(names.map(suffix => `${prefix}${suffix}`))
    })

    test('lists hundreds', async () => {
      const prefix = freshName()
      const names = Array.from({ length: 300 }, (_, number) => `${prefix}-${String(number).padStart(3, '0')}`)
      // Not all at once: on a busy machine the last would wait longer than a write may take.
      const rest = [...names]
      while (rest.length > 0) {
        await Promise.all(rest.splice(0, 25).map(item => topics.put(topicItem({ name: item }), undefined)))
      }
      expect(await listed(prefix)).toEqual(names)
    })

    test('can change while it is being listed', async () => {
      const prefix = freshName()
      const items = Array.from({ length: 10 }, (_, number) => topicItem({ name: `${prefix}-${number}` }))
      for (const item of items) await topics.put(item, undefined)
      const versions = new Map(items.map(item => [item.name, item.version]))
      const seen: string[] = []
      for await (const item of topics.list()) {
        const version = versions.get(item.name)
        if (!version) continue
        seen.push(item.name)
        expect(await topics.remove(item.name, version)).toBe(true)
      }
      expect(seen).toEqual(items.map(({ name: itemName }) => itemName))
      expect(await listed(prefix)).toEqual([])
    })

    test('is not changed by changing what it was given or gave', async () => {
      const configs: Record<string, string> = { 'flush.ms': '1' }
      const item = topicItem({ configs })
      await topics.put(item, undefined)
      configs['flush.ms'] = '2'
      const got = (await topics.get(item.name))!
      expect(got.configs['flush.ms']).toBe('1')
      ;(got.configs as Record<string, string>)['flush.ms'] = '3'
      expect((await topics.get(item.name))?.configs['flush.ms']).toBe('1')
    })
  })
}
