import { runWorld, type WorldOptions } from './world.ts'

interface SeedsOutcome {
  /** What happened in all of the runs together. */
  readonly total: Readonly<Record<string, number>>
  /** The first seed whose run broke a promise. */
  readonly failure?: { readonly seed: number; readonly error: Error }
}

/** Runs seeds one after the other until one fails. */
export async function runSeeds(
  from: number,
  count: number,
  options: WorldOptions,
  onDone: (done: number) => void = () => {},
): Promise<SeedsOutcome> {
  const total: Record<string, number> = {}
  for (let seed = from; seed < from + count; seed += 1) {
    try {
      const { counts } = await runWorld(seed, options)
      for (const [what, number] of Object.entries(counts)) total[what] = (total[what] ?? 0) + number
    } catch (error) {
      return { total, failure: { seed, error: error as Error } }
    }
    // A world never waits for anything outside of it; what is outside gets its turn in between.
    await new Promise(resolve => setImmediate(resolve))
    onDone(seed - from + 1)
  }
  return { total }
}
