import { groupKey, parsePartKey, partsEnd, partsPrefix } from '../../../core/storage-layout.ts'
import type { ClassicGroupStore } from '../../../ports/classic-group-store.ts'
import { decodePartItem, encodePartItem, partItemKey } from '../items/classic-part.ts'
import { classicUpdate, decodeGroupItem, groupItemKey } from '../items/group.ts'
import { sortKeyOf } from './attributes.ts'
import { between, under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** Classic groups in a DynamoDB table. */
export function dynamoClassicGroups(table: DynamoTable): ClassicGroupStore {
  return {
    async changeClassic(groupId, expected, next) {
      const { held, item } = await table.update(groupItemKey(groupId), classicUpdate(expected, next))
      return { held, group: item && decodeGroupItem(groupId, item) }
    },
    async putPart(groupId, name, bytes) {
      await table.put(encodePartItem(groupId, name, bytes))
    },
    readPart: async (groupId, name) => (await table.read(partItemKey(groupId, name), decodePartItem))?.bytes,
    parts: (groupId, kind) => table.list(under(groupKey(groupId), partsPrefix(kind)), decodePartItem),
    // No item has the end itself as its key.
    removeOlderParts: async (groupId, kind, generation, keptIds) =>
      await table.removeFound(
        between(groupKey(groupId), partsPrefix(kind), partsEnd(kind, generation)),
        item => keptIds.has(parsePartKey(sortKeyOf(item)).id),
      ),
  }
}
