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
    async *notes<Kind extends Note['kind']>(kind: Kind, untilMs?: number) {
      const prefix = notesPrefix(kind)
      // No note has the end itself as its key.
      const where =
        kind === 'dead' && untilMs !== undefined
          ? between(GARBAGE_KEY, prefix, deadNotesEnd(untilMs))
          : under(GARBAGE_KEY, prefix)
      for await (const note of table.list(where, decodeNoteItem)) yield note as Note & { readonly kind: Kind }
    },
    takeLease: async (name, holder, nowMs, untilMs) =>
      (await table.put(encodeLeaseItem(name, holder, untilMs), isFreeFor(holder, nowMs, untilMs))).held,
  }
}
