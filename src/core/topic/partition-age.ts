import { TOPIC_GROWTHS_MAX } from '../limits.ts'

/** Since when a topic's partitions are there. */
export interface TopicAge {
  readonly createdMs: number
  /** When it grew, by the first partition of each growth; only the latest ones. Left out where it never did. */
  readonly grownMs?: Readonly<Record<string, number>>
}

/** When a partition was made, in milliseconds since 1970; of growths that are forgotten, when the topic was. */
export function partitionCreatedMs({ createdMs, grownMs = {} }: TopicAge, partition: number): number {
  const growths = Object.keys(grownMs)
    .map(Number)
    .filter(first => first <= partition)
  return growths.length === 0 ? createdMs : grownMs[Math.max(...growths)]!
}

/** What `grownMs` becomes when partitions from `first` on are added. */
export function afterGrowth(
  { grownMs = {} }: TopicAge,
  first: number,
  nowMs: number,
): Record<string, number> {
  const growths = Object.entries<number>({ ...grownMs, [first]: nowMs })
  growths.sort(([one], [other]) => Number(one) - Number(other))
  return Object.fromEntries(growths.slice(-TOPIC_GROWTHS_MAX))
}
