import type { AssignorName, Group } from '../../../core/group/group.ts'
import {
  GROUP_ATTRIBUTES,
  GROUP_META_KEY,
  GROUPS_KEY,
  groupKey,
  LISTED_GROUP_ATTRIBUTES,
} from '../../../core/storage-layout.ts'
import {
  fields,
  type Item,
  itemKey,
  number,
  oneOf,
  orAbsent,
  string,
  text,
  whole,
} from '../table/attributes.ts'
import { EXISTS } from '../table/conditions.ts'
import type { Update } from '../table/dynamo-table.ts'
import { type Expression, equalities, words } from '../table/expression.ts'

export const assignor = oneOf<AssignorName>('an assignor', 'range', 'round-robin', 'cooperative-sticky')

const FIELDS = fields<Omit<Group, 'groupId'>>(GROUP_ATTRIBUTES, {
  epoch: whole,
  targetId: text,
  targetChunks: whole,
  assignor,
  marks: whole,
  marksSeen: whole,
  topicsDigest: text,
  checkedMs: whole,
  sinceMs: orAbsent(whole),
})
const { epoch, marks, checkedMs, unlisted } = GROUP_ATTRIBUTES
const { version } = LISTED_GROUP_ATTRIBUTES

export function listedItemKey(groupId: string): Item {
  return itemKey(GROUPS_KEY, groupId)
}

/** @param version new with every write, so that a removal that began before is refused */
export function encodeListedItem(groupId: string, version: string): Item {
  return { ...listedItemKey(groupId), [LISTED_GROUP_ATTRIBUTES.version]: string(version) }
}

/** That nobody has listed the group anew since its entry in the list was read. */
export function isListedAs(item: Item): Expression {
  return words`${version} = ${string(text.read(item[version], version))}`
}

export function groupItemKey(groupId: string): Item {
  return itemKey(groupKey(groupId), GROUP_META_KEY)
}

/** @param mark random; the attribute stands until the group is listed for certain */
export function encodeGroupItem(group: Group, mark: string): Item {
  return { ...groupItemKey(group.groupId), ...FIELDS.encode(group), [unlisted]: string(mark) }
}

/** @throws RangeError when the item is no group */
export function decodeGroupItem(groupId: string, item: Item): Group {
  return { groupId, ...FIELDS.decode(item) }
}

/** What marks a group as perhaps not listed; undefined: it is. */
export function unlistedMark(item: Item): string | undefined {
  return item[unlisted]?.S
}

/** Takes that mark back; another group of the same id keeps its own. */
export function listedUpdate(mark: string): Update {
  return { remove: [words`${unlisted}`], when: equalities({ [unlisted]: string(mark) }) }
}

/** {@link applyMark} in DynamoDB's words. */
export function markUpdate(): Update {
  return { add: [words`${marks} ${number(1)}`], when: [EXISTS] }
}

/** {@link applyCheck} in DynamoDB's words. */
export function checkUpdate(expectedMs: number, nowMs: number): Update {
  return {
    set: equalities({ [checkedMs]: number(nowMs) }),
    when: equalities({ [checkedMs]: number(expectedMs) }),
  }
}

/** {@link applyTarget} in DynamoDB's words. */
export function targetUpdate(target: Group): Update {
  const { [marks]: _, ...changed } = FIELDS.encode(target)
  return { set: equalities(changed), when: equalities({ [epoch]: number(target.epoch - 1) }) }
}
