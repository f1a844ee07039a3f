import type { Defect } from './defects.ts'
import { type RunReport, runWorld } from './world.ts'

interface SeedsOutcome {
  readonly total: RunReport
  /** The first seed whose run broke a promise. */
  readonly failure?: { readonly seed: number; readonly error: Error }
}

/** Runs seeds one after the other until one fails. */
export async function runSeeds(
  from: number,
  count: number,
  defect?: Defect,
  onDone: (done: number) => void = () => {},
): Promise<SeedsOutcome> {
  let total: RunReport = {
    acknowledged: 0,
    unknown: 0,
    crashes: 0,
    faults: 0,
    records: 0,
    returns: 0,
    repetitions: 0,
  }
  for (let seed = from; seed < from + count; seed += 1) {
    try {
      const report = await runWorld(seed, defect)
      total = {
        acknowledged: total.acknowledged + report.acknowledged,
        unknown: total.unknown + report.unknown,
        crashes: total.crashes + report.crashes,
        faults: total.faults + report.faults,
        records: total.records + report.records,
        returns: total.returns + report.returns,
        repetitions: total.repetitions + report.repetitions,
      }
    } catch (error) {
      return { total, failure: { seed, error: error as Error } }
    }
    onDone(seed - from + 1)
  }
  return { total }
}
