import type { Note } from '../../core/garbage.ts'
import type { Ingest } from '../../core/ingest/ingest.ts'
import { leaseFarMs } from '../../core/lease.ts'
import {
  deadNotesEnd,
  GARBAGE_KEY,
  INGEST_ITEM,
  LEASES_KEY,
  leaseKey,
  noteKey,
  notesPrefix,
} from '../../core/storage-layout.ts'
import type { UpkeepStore } from '../../ports/upkeep-store.ts'
import { endOf, type Items, joinKey, removal } from './items.ts'
import { TypedItems } from './typed-items.ts'

interface Lease {
  readonly holder: string
  readonly untilMs: number
}

const INGEST_KEY = joinKey(INGEST_ITEM.partitionKey, INGEST_ITEM.sortKey)

/** What whoever maintains a store keeps, over sorted items, each as JSON. */
export function upkeepOver(items: Items): UpkeepStore {
  const ingests = new TypedItems<Ingest>(items)
  const notes = new TypedItems<Note>(items)
  const leases = new TypedItems<Lease>(items)
  const keyOf = (note: Note) => joinKey(GARBAGE_KEY, noteKey(note))

  return {
    readIngest: () => ingests.read(INGEST_KEY),
    putIngest: async (ingest, expected) => {
      const { changed } = await ingests.change(INGEST_KEY, standing =>
        standing?.version === expected ? ingest : undefined,
      )
      return changed !== undefined
    },
    putNote: note => notes.put(keyOf(note), note),
    removeNote: note => items.update(keyOf(note), removal),
    notes: async function* <Kind extends Note['kind']>(kind: Kind, untilMs?: number, fromMs?: number) {
      const all = joinKey(GARBAGE_KEY, notesPrefix(kind))
      const placeOf = (timeMs: number | undefined, untimed: string) =>
        kind === 'dead' && timeMs !== undefined ? joinKey(GARBAGE_KEY, deadNotesEnd(timeMs)) : untimed
      for await (const note of notes.pages(placeOf(fromMs, all), placeOf(untilMs, endOf(all))))
        yield note as Note & { readonly kind: Kind }
    },
    takeLease: async (name, holder, nowMs, untilMs) => {
      const farMs = leaseFarMs(nowMs, untilMs)
      const { changed } = await leases.change(joinKey(LEASES_KEY, leaseKey(name)), standing => {
        const isTaken = standing && standing.holder !== holder && nowMs <= standing.untilMs
        return isTaken && standing.untilMs <= farMs ? undefined : { holder, untilMs }
      })
      return changed !== undefined
    },
  }
}
