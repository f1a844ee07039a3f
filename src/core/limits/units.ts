export const KiB = 1024
export const MiB = 1024 * KiB

/** Of limits that have to do with one another, so that changing one alone cannot break the other. */
export function assert(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`limits contradict one another: ${relation}`)
}
