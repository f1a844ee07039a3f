import type { ClassicGroup } from './classic/classic-group.ts'
import type { Group } from './group.ts'

/** A group without members. Nobody has looked at it yet, so that the first heartbeat does. */
export function newGroup(groupId: string, assignor: Group['assignor']): Group {
  return {
    groupId,
    epoch: 0,
    targetId: '',
    targetChunks: 0,
    assignor,
    marks: 0,
    marksSeen: 0,
    topicsDigest: '',
    checkedMs: 0,
  }
}

/** The group once somebody joined, left or changed a subscription; undefined: it is a classic one. */
export function applyMark(group: Group): Group | undefined {
  return group.classic ? undefined : { ...group, marks: group.marks + 1 }
}

/** The group once somebody won the right to look; undefined: another has won it since. */
export function applyCheck(group: Group, expectedMs: number, nowMs: number): Group | undefined {
  return group.checkedMs === expectedMs ? { ...group, checkedMs: nowMs } : undefined
}

/**
 * The group with its next target; undefined: another has set one since, or it is a classic one. Marks that came meanwhile
 * stay.
 */
export function applyTarget(standing: Group, target: Group): Group | undefined {
  if (standing.classic) return undefined
  return standing.epoch === target.epoch - 1 ? { ...target, marks: standing.marks } : undefined
}

/**
 * What a change of a classic group goes by: the version that it has; or, where the group is not one yet, how often it
 * was marked, so that nobody has joined it meanwhile as a member of the other kind.
 */
export type ClassicExpectation = { readonly version: string } | { readonly marks: number }

/** The group as a classic one; null: not one any more. Undefined: it is not as expected. */
export function applyClassic(
  group: Group,
  expected: ClassicExpectation,
  next: ClassicGroup | null,
): Group | undefined {
  const isExpected =
    'version' in expected
      ? group.classic?.version === expected.version
      : !group.classic && group.marks === expected.marks
  if (!isExpected) return undefined
  const { classic: _, ...rest } = group
  return next ? { ...rest, classic: next } : rest
}
