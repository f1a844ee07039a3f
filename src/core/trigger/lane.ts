import type { TriggerSettings } from './trigger.ts'

/** Which of a trigger's lanes a partition is in: partitions of one lane wait for each other. */
export function laneOf({ parallelism }: Pick<TriggerSettings, 'parallelism'>, partition: number): number {
  return parallelism === null ? partition : partition % parallelism
}
