import type { ClaimDecisions } from './group-world.ts'
import { type GroupRunReport, runGroupWorld } from './group-world.ts'

interface GroupSeedsOutcome {
  readonly total: GroupRunReport
  /** The first seed whose run broke a promise. */
  readonly failure?: { readonly seed: number; readonly error: Error }
}

/** Runs seeds one after the other until one fails. */
export async function runGroupSeeds(
  from: number,
  count: number,
  decisions?: ClaimDecisions,
  onDone: (done: number) => void = () => {},
): Promise<GroupSeedsOutcome> {
  let total: GroupRunReport = {
    changes: 0,
    commits: 0,
    fenced: 0,
    removals: 0,
    crashes: 0,
    faults: 0,
    epochs: 0,
  }
  for (let seed = from; seed < from + count; seed += 1) {
    try {
      const report = await runGroupWorld(seed, decisions)
      const names = Object.keys(total) as (keyof GroupRunReport)[]
      total = Object.fromEntries(names.map(name => [name, total[name] + report[name]])) as Record<
        keyof GroupRunReport,
        number
      >
    } catch (error) {
      return { total, failure: { seed, error: error as Error } }
    }
    onDone(seed - from + 1)
  }
  return { total }
}
