import { decodeClassicGroup, encodeClassicGroup } from '../../core/group/classic/classic-bytes.ts'
import type { Group } from '../../core/group/group.ts'
import { groupKey, parsePartKey, partKey, partsEnd, partsPrefix } from '../../core/storage-layout.ts'
import type { ClassicGroupStore } from '../../ports/classic-group-store.ts'
import type { Decisions } from './decisions.ts'
import { endOf, type Items, joinKey, removal, splitKey } from './items.ts'
import { decodeJson, encodeJson, type TypedItems } from './typed-items.ts'

/** Classic groups over sorted items. */
export function classicGroupsOver(
  items: Items,
  groups: TypedItems<Group>,
  metaKey: (groupId: string) => string,
  { applyClassic }: Pick<Decisions, 'applyClassic'>,
): ClassicGroupStore {
  const itemKey = (groupId: string, sortKey: string) => joinKey(groupKey(groupId), sortKey)
  return {
    changeClassic: async (groupId, expected, next) => {
      const { standing, changed } = await groups.change(
        metaKey(groupId),
        group => group && applyClassic(group, expected, next),
      )
      return { held: changed !== undefined, group: changed ?? standing }
    },
    putPart: async (groupId, name, bytes) =>
      await items.update(itemKey(groupId, partKey(name)), () => ({ put: bytes, answer: undefined })),
    readPart: async (groupId, name) => await items.get(itemKey(groupId, partKey(name))),
    parts: async function* (groupId, kind) {
      const prefix = itemKey(groupId, partsPrefix(kind))
      for (const { key, value } of await items.range(prefix, endOf(prefix))) {
        yield { name: parsePartKey(splitKey(key).sortKey), bytes: value }
      }
    },
    removeOlderParts: async (groupId, kind, generation, keptIds) => {
      const [start, end] = [itemKey(groupId, partsPrefix(kind)), itemKey(groupId, partsEnd(kind, generation))]
      for (const { key } of await items.range(start, end)) {
        if (!keptIds.has(parsePartKey(splitKey(key).sortKey).id)) await items.update(key, removal)
      }
    },
  }
}

/** A group as JSON, with what makes it a classic one as bytes in base64. */
export function encodeGroup({ classic, ...group }: Group): Uint8Array {
  const encoded = classic && Buffer.from(encodeClassicGroup(classic)).toString('base64')
  return encodeJson({ ...group, ...(encoded !== undefined && { classic: encoded }) })
}

/** @throws RangeError, SyntaxError */
export function decodeGroup(bytes: Uint8Array): Group {
  const { classic, ...group } = decodeJson<Omit<Group, 'classic'> & { classic?: string }>(bytes)
  return classic === undefined
    ? group
    : { ...group, classic: decodeClassicGroup(Buffer.from(classic, 'base64')) }
}
