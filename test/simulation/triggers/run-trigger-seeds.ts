import { runTriggerWorld, type TriggerParts, type TriggerRunReport } from './trigger-world.ts'

interface TriggerSeedsOutcome {
  readonly total: TriggerRunReport
  /** The first seed whose run broke a promise. */
  readonly failure?: { readonly seed: number; readonly error: Error }
}

/** Runs seeds one after the other until one fails. */
export async function runTriggerSeeds(
  from: number,
  count: number,
  parts?: TriggerParts,
  onDone: (done: number) => void = () => {},
): Promise<TriggerSeedsOutcome> {
  let total: TriggerRunReport = {
    records: 0,
    calls: 0,
    repeats: 0,
    told: 0,
    commits: 0,
    resets: 0,
    crashes: 0,
    faults: 0,
  }
  for (let seed = from; seed < from + count; seed += 1) {
    try {
      const report = await runTriggerWorld(seed, parts)
      const names = Object.keys(total) as (keyof TriggerRunReport)[]
      total = Object.fromEntries(names.map(name => [name, total[name] + report[name]])) as Record<
        keyof TriggerRunReport,
        number
      >
    } catch (error) {
      return { total, failure: { seed, error: error as Error } }
    }
    onDone(seed - from + 1)
  }
  return { total }
}
