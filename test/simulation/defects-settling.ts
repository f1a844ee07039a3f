import { DECISIONS } from '../../src/adapters/items/decisions.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'
import { ofIndex, type PlantedDefect, withMethods } from './planted-defect.ts'

const SETTLING = { actors: ['writers', 'readers', 'deletions', 'flushes', 'upkeep'], seeds: 1_000 }

const { applyAppend, applyTrim } = DECISIONS

/** What epochs and levels rely on, each left out in turn. */
export const SETTLING_DEFECTS: Readonly<Record<string, PlantedDefect>> = {
  'an append does not look at the floor': {
    ...SETTLING,
    message: /^undrained|^dangling/,
    decisions: {
      applyAppend: (head, entry, seen, newcomers) => {
        const appended = applyAppend({ ...head, appendFloor: 0 }, entry, seen, newcomers)
        return appended && { ...appended, appendFloor: head.appendFloor }
      },
    },
  },
  'a cut does not look at the floor': {
    ...SETTLING,
    message: /^undrained|^dangling/,
    decisions: {
      applyTrim: (head, block, changes) => applyTrim(head, block, changes, Number.POSITIVE_INFINITY),
    },
  },
  'a block that can never be cut is adopted all the same': {
    ...SETTLING,
    message: /^stuck|^left/,
    decisions: { mayReplaceBlock: standing => standing === undefined },
  },
  'a head counts as drained that was looked at before its floor was raised': {
    ...SETTLING,
    message: /^undrained|^dangling|^gap/,
    ports: ofIndex((_, clock) => index => looksBefore(index, clock)),
  },
  'a head counts as drained although something was moved since it was looked at': {
    ...SETTLING,
    message: /^undrained|^dangling/,
    ports: ofIndex((_, clock) => index => drainsUnseen(index, clock)),
  },
}

/** How long others have between a look and what it is followed by. */
const PAUSE_MS = 2_000

function looksBefore(index: LogIndex, clock: Clock): LogIndex {
  return withMethods(index, {
    raiseFloor: async (partition, floor, seen) => {
      const before = await index.readHead(partition)
      await clock.sleep(PAUSE_MS)
      const raised = await index.raiseFloor(partition, floor, seen)
      return raised && before
    },
  })
}

function drainsUnseen(index: LogIndex, clock: Clock): LogIndex {
  return withMethods(index, {
    raiseFloor: async (partition, floor, seen) => {
      if (!seen) return await index.raiseFloor(partition, floor)
      await clock.sleep(PAUSE_MS)
      return await index.raiseFloor(partition, floor, await index.readHead(partition))
    },
  })
}
