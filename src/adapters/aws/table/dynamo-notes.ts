import type { Note } from '../../../core/garbage.ts'
import { deadNotesEnd, GARBAGE_KEY, notesPrefix } from '../../../core/storage-layout.ts'
import type { UpkeepStore } from '../../../ports/upkeep-store.ts'
import { encodeLeaseItem, isFreeFor } from '../items/lease.ts'
import { decodeNoteItem, encodeNoteItem, noteItemKey } from '../items/note.ts'
import { between, under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** Notes and leases of an upkeep store in a DynamoDB table. */
export function dynamoNotes(
  table: DynamoTable,
): Pick<UpkeepStore, 'putNote' | 'removeNote' | 'notes' | 'takeLease'> {
  return {
    async putNote(note) {
      await table.put(encodeNoteItem(note))
    },
    async removeNote(note) {
      await table.remove(noteItemKey(note))
    },
    async *notes<Kind extends Note['kind']>(kind: Kind, untilMs?: number, fromMs?: number) {
      const prefix = notesPrefix(kind)
      const placeOf = (timeMs: number | undefined, untimed: string) =>
        timeMs === undefined ? untimed : deadNotesEnd(timeMs)
      const isTimed = kind === 'dead' && (untilMs !== undefined || fromMs !== undefined)
      // No note has the end itself as its key, and all times sort before what is no digit.
      const where = isTimed
        ? between(GARBAGE_KEY, placeOf(fromMs, prefix), placeOf(untilMs, `${prefix}~`))
        : under(GARBAGE_KEY, prefix)
      for await (const note of table.list(where, decodeNoteItem)) yield note as Note & { readonly kind: Kind }
    },
    takeLease: async (name, holder, nowMs, untilMs) =>
      (await table.put(encodeLeaseItem(name, holder, untilMs), isFreeFor(holder, nowMs, untilMs))).held,
  }
}
