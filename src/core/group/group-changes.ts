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

/** The group once somebody joined, left or changed a subscription. */
export function applyMark(group: Group): Group {
  return { ...group, marks: group.marks + 1 }
}

/** The group once somebody won the right to look; undefined: another has won it since. */
export function applyCheck(group: Group, expectedMs: number, nowMs: number): Group | undefined {
  return group.checkedMs === expectedMs ? { ...group, checkedMs: nowMs } : undefined
}

/** The group with its next target; undefined: another has set one since. Marks that came meanwhile stay. */
export function applyTarget(standing: Group, target: Group): Group | undefined {
  return standing.epoch === target.epoch - 1 ? { ...target, marks: standing.marks } : undefined
}
