import type { UpkeepStore } from '../../../ports/upkeep-store.ts'
import { decodeIngestItem, encodeIngestItem, ingestItemKey, isIngestAt } from '../items/ingest.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** What whoever maintains a store keeps, in a DynamoDB table: all notes under one partition key. */
export function dynamoUpkeepStore(table: DynamoTable): UpkeepStore {
  // Whoever writes needs the epoch alone, and no other function need carry the rest.
  const notes = async () => (await import('./dynamo-notes.ts')).dynamoNotes(table)
  return {
    readIngest: async () => await table.read(ingestItemKey(), decodeIngestItem),
    putIngest: async (ingest, expected) =>
      (await table.put(encodeIngestItem(ingest), isIngestAt(expected))).held,
    putNote: async note => await (await notes()).putNote(note),
    removeNote: async note => await (await notes()).removeNote(note),
    async *notes(...kind) {
      yield* (await notes()).notes(...kind)
    },
    takeLease: async (...given) => await (await notes()).takeLease(...given),
  }
}
