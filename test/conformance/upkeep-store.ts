import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DeadNote, IntentNote, Note, TopicNote } from '../../src/core/garbage.ts'
import { firstIngest } from '../../src/core/ingest/ingest.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { logObjectKey } from '../../src/core/storage-layout.ts'
import type { UpkeepStore } from '../../src/ports/upkeep-store.ts'
import { freshId, freshPartition } from './samples.ts'

export interface OpenedUpkeepStore {
  readonly upkeep: UpkeepStore
  close(): Promise<void>
}

const freshKey = () => logObjectKey(freshPartition(3), toOffset(7), freshId())

function dead(notedMs: number, overrides: Partial<DeadNote> = {}): DeadNote {
  return { kind: 'dead', key: freshKey(), notedMs, looks: 1, id: freshId().slice(0, 8), ...overrides }
}

/** What every UpkeepStore promises. The store is opened anew for each group of tests, and is empty then. */
export function describeUpkeepStore(name: string, open: () => Promise<OpenedUpkeepStore>): void {
  describe(`${name} as an upkeep store`, () => {
    let opened: OpenedUpkeepStore
    let upkeep: UpkeepStore

    beforeAll(async () => {
      opened = await open()
      upkeep = opened.upkeep
    })
    afterAll(async () => {
      await opened.close()
    })

    async function all<Kind extends Note['kind']>(kind: Kind, untilMs?: number, fromMs?: number) {
      const found: (Note & { readonly kind: Kind })[] = []
      for await (const note of upkeep.notes(kind, untilMs, fromMs)) found.push(note)
      return found
    }

    test('epochs are put on condition of the version before', async () => {
      expect(await upkeep.readIngest()).toBeUndefined()
      const first = firstIngest(5, 'one')
      expect(await upkeep.putIngest(first, 'none')).toBe(false)
      expect(await upkeep.putIngest(first, undefined)).toBe(true)
      expect(await upkeep.readIngest()).toEqual(first)
      expect(await upkeep.putIngest(firstIngest(6, 'other'), undefined)).toBe(false)
      const second = {
        ...first,
        epoch: 4,
        written: 3,
        floor: 2,
        cursor: '',
        stuck: ['a#1', 'b#2'],
        roundMs: 9,
        drained: 1,
        drainedMs: 8,
        swept: 1,
        heldBelow: 1,
        version: 'two',
      }
      expect(await upkeep.putIngest(second, 'one')).toBe(true)
      expect(await upkeep.readIngest()).toEqual(second)
      expect(await upkeep.putIngest(first, 'one')).toBe(false)
      const third = { ...second, cursor: 'orders', stuck: [], version: 'three' }
      const wins = await Promise.all(
        Array.from({ length: 16 }, (_, number) =>
          upkeep.putIngest({ ...third, written: 10 + number }, 'two'),
        ),
      )
      expect(wins.filter(Boolean)).toHaveLength(1)
      expect(await upkeep.readIngest()).toEqual({ ...third, written: 10 + wins.indexOf(true) })
    })

    describe('notes', () => {
      beforeEach(async () => {
        for (const kind of ['intent', 'dead', 'topic'] as const) {
          for (const note of await all(kind)) await upkeep.removeNote(note)
        }
      })

      test('of all kinds come back, each kind for itself', async () => {
        const rolled: IntentNote = { kind: 'intent', key: freshKey(), level: 'rolled', notedMs: 4 }
        const merged: IntentNote = { kind: 'intent', key: freshKey(), level: 12, notedMs: 0 }
        const gone = dead(7, { looks: 2 })
        const topic: TopicNote = {
          kind: 'topic',
          topicId: freshPartition().topicId,
          name: 'orders',
          partitions: 3,
          notedMs: 9,
          sweeps: 0,
        }
        for (const note of [rolled, merged, gone, topic]) await upkeep.putNote(note)
        const byKey = (one: IntentNote, other: IntentNote) => (one.key < other.key ? -1 : 1)
        expect(await all('intent')).toEqual([rolled, merged].toSorted(byKey))
        expect(await all('dead')).toEqual([gone])
        expect(await all('topic')).toEqual([topic])
        const swept = { ...topic, sweeps: 1, notedMs: 10 }
        await upkeep.putNote(swept)
        await upkeep.putNote(swept)
        expect(await all('topic')).toEqual([swept])
        for (const note of [rolled, gone, swept, swept]) await upkeep.removeNote(note)
        expect([await all('intent'), await all('dead'), await all('topic')]).toEqual([[merged], [], []])
      })

      test('of dead objects come in the order of their times, those before or after a time alone if wanted', async () => {
        const notes = [1_700_000_000_000, 5, 99, 100, 101, 3_000_000_000_000].map(notedMs => dead(notedMs))
        for (const note of notes) await upkeep.putNote(note)
        const inOrder = notes.toSorted((one, other) => one.notedMs - other.notedMs)
        expect(await all('dead')).toEqual(inOrder)
        expect(await all('dead', 100)).toEqual(inOrder.slice(0, 2))
        expect(await all('dead', 101)).toEqual(inOrder.slice(0, 3))
        expect(await all('dead', 0)).toEqual([])
        expect(await all('dead', undefined, 100)).toEqual(inOrder.slice(2))
        expect(await all('dead', 101, 6)).toEqual(inOrder.slice(1, 3))
        expect(await all('dead', undefined, 3_000_000_000_001)).toEqual([])
        expect(await all('intent', undefined, 5)).toEqual([])
      })

      test('of the same object at the same time are two, with ids of their own', async () => {
        const one = dead(5, { id: '00000001' })
        const other = { ...one, id: '00000002' }
        for (const note of [other, one]) await upkeep.putNote(note)
        await upkeep.removeNote({ ...one, looks: 2 })
        expect(await all('dead')).toEqual([other])
      })

      test('can be many', async () => {
        const notes = Array.from({ length: 1_100 }, (_, number) => dead(number))
        for (let from = 0; from < notes.length; from += 50) {
          await Promise.all(notes.slice(from, from + 50).map(note => upkeep.putNote(note)))
        }
        expect(await all('dead')).toEqual(notes)
        expect(await all('dead', 1_050)).toHaveLength(1_050)
      })
    })

    test('a lease is taken where it is free, its own or over', async () => {
      const name = `lease-${freshId()}`
      expect(await upkeep.takeLease(name, 'a', 100, 200)).toBe(true)
      expect(await upkeep.takeLease(name, 'b', 150, 250)).toBe(false)
      expect(await upkeep.takeLease(`${name}-other`, 'b', 150, 250)).toBe(true)
      expect(await upkeep.takeLease(name, 'a', 160, 260)).toBe(true)
      expect(await upkeep.takeLease(name, 'b', 260, 360)).toBe(false)
      expect(await upkeep.takeLease(name, 'b', 261, 361)).toBe(true)
      expect(await upkeep.takeLease(name, 'a', 300, 400)).toBe(false)
      const wins = await Promise.all(
        Array.from({ length: 16 }, (_, number) => upkeep.takeLease(name, `c${number}`, 1_000, 2_000)),
      )
      expect(wins.filter(Boolean)).toHaveLength(1)
    })

    test('a lease of a clock that was ahead keeps nobody from the work', async () => {
      const name = `lease-${freshId()}`
      expect(await upkeep.takeLease(name, 'ahead', 1_000_000, 1_000_100)).toBe(true)
      // Somebody gives back what is not his.
      expect(await upkeep.takeLease(name, 'b', 500, 0)).toBe(false)
      expect(await upkeep.takeLease(name, 'b', 500, 600)).toBe(true)
      expect(await upkeep.takeLease(name, 'c', 500, 600)).toBe(false)
      expect(await upkeep.takeLease(name, 'c', 490, 590)).toBe(false)
    })
  })
}
