import type { Note } from '../../../core/garbage.ts'
import { deadNotesEnd, GARBAGE_KEY, notesPrefix } from '../../../core/storage-layout.ts'
import type { UpkeepStore } from '../../../ports/upkeep-store.ts'
import { decodeIngestItem, encodeIngestItem, ingestItemKey, isIngestAt } from '../items/ingest.ts'
import { encodeLeaseItem, isFreeFor } from '../items/lease.ts'
import { decodeNoteItem, encodeNoteItem, noteItemKey } from '../items/note.ts'
import { between, under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** What whoever maintains a store keeps, in a DynamoDB table: all notes under one partition key. */
export function dynamoUpkeepStore(table: DynamoTable): UpkeepStore {
  return {
    readIngest: () => table.read(ingestItemKey(), decodeIngestItem),
    putIngest: async (ingest, expected) =>
      (await table.put(encodeIngestItem(ingest), isIngestAt(expected))).held,
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
      (await table.put(encodeLeaseItem(name, holder, untilMs), isFreeFor(holder, nowMs))).held,
  }
}
