import { decodeClassicGroup, encodeClassicGroup } from '../../../core/group/classic/classic-bytes.ts'
import type { ClassicGroup } from '../../../core/group/classic/classic-group.ts'
import type { AssignorName, Group } from '../../../core/group/group.ts'
import type { ClassicExpectation } from '../../../core/group/group-changes.ts'
import {
  GROUP_ATTRIBUTES,
  GROUP_META_KEY,
  GROUPS_KEY,
  groupKey,
  LISTED_GROUP_ATTRIBUTES,
} from '../../../core/storage-layout.ts'
import {
  encoded,
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

const FIELDS = fields<Omit<Group, 'groupId' | 'classic'>>(GROUP_ATTRIBUTES, {
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
const classicGroup = encoded<ClassicGroup>(encodeClassicGroup, decodeClassicGroup)
const {
  epoch,
  marks,
  checkedMs,
  unlisted,
  classic: CLASSIC,
  classicVersion: CLASSIC_VERSION,
} = GROUP_ATTRIBUTES
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
  const { classic } = group
  return {
    ...groupItemKey(group.groupId),
    ...FIELDS.encode(group),
    ...(classic && encodeClassic(classic)),
    [unlisted]: string(mark),
  }
}

/** @throws RangeError when the item is no group */
export function decodeGroupItem(groupId: string, item: Item): Group {
  const classic = item[CLASSIC]
  return {
    groupId,
    ...FIELDS.decode(item),
    ...(classic && { classic: classicGroup.read(classic, CLASSIC) }),
  }
}

/** The version stands in the bytes, too; expressions go by this one. */
function encodeClassic(classic: ClassicGroup): Item {
  return { [CLASSIC]: classicGroup.write(classic), [CLASSIC_VERSION]: string(classic.version) }
}

const NOT_CLASSIC = words`attribute_not_exists(${CLASSIC_VERSION})`

/** {@link applyClassic} in DynamoDB's words. */
export function classicUpdate(expected: ClassicExpectation, next: ClassicGroup | null): Update {
  const when =
    'version' in expected
      ? equalities({ [CLASSIC_VERSION]: string(expected.version) })
      : [NOT_CLASSIC, ...equalities({ [marks]: number(expected.marks) })]
  return next
    ? { set: equalities(encodeClassic(next)), when }
    : { remove: [words`${CLASSIC}`, words`${CLASSIC_VERSION}`], when }
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
  return { add: [words`${marks} ${number(1)}`], when: [EXISTS, NOT_CLASSIC] }
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
  return {
    set: equalities(changed),
    when: [...equalities({ [epoch]: number(target.epoch - 1) }), NOT_CLASSIC],
  }
}
