import { DECISIONS } from '../../src/adapters/items/decisions.ts'
import { ofGroups, type PlantedDefect, withMethods } from './planted-defect.ts'

const CLASSIC = { actors: ['classic'], seeds: 300 }
const { applyClassic, applyCommit } = DECISIONS

/** Of groups whose members assign among themselves. */
export const CLASSIC_DEFECTS: Readonly<Record<string, PlantedDefect>> = {
  'a classic group changes whatever it has become since': {
    ...CLASSIC,
    message: /^two|^back|^no leader|^stale|^unsettled/,
    decisions: {
      applyClassic: (group, expected, next) =>
        applyClassic(group, group.classic ? { version: group.classic.version } : expected, next),
    },
  },
  'a commit of a classic member does not look at what was committed since': {
    ...CLASSIC,
    seeds: 1_000,
    message: /^stale/,
    decisions: {
      applyCommit: (partition, standing, committed, by) =>
        applyCommit(partition, standing, committed, by, standing?.committed?.committedMs ?? null),
    },
  },
  'nobody writes down what a classic member is assigned': {
    ...CLASSIC,
    message: /^unsettled/,
    ports: ofGroups(groups =>
      withMethods(groups, {
        putPart: async (groupId, name, bytes) => {
          if (name.kind !== 'assigned') await groups.putPart(groupId, name, bytes)
        },
      }),
    ),
  },
  'what members bring is removed while a generation stands on it': {
    ...CLASSIC,
    message: /^unsettled/,
    ports: ofGroups(groups =>
      withMethods(groups, {
        removeOlderParts: (groupId, kind, generation) =>
          groups.removeOlderParts(groupId, kind, generation + 1, new Set()),
      }),
    ),
  },
}
