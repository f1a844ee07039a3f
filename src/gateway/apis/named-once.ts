import { groupBy } from '../../core/since-node-22.ts'

/** Kafka's rule: what one request names twice is told once that it does, and nothing is done with it. */
export function namedOnce<T>(all: readonly T[], keyOf: (one: T) => string): { once: T[]; twice: T[] } {
  const groups = [...groupBy(all, keyOf).values()]
  return {
    once: groups.flatMap(group => (group.length === 1 ? group : [])),
    twice: groups.flatMap(group => (group.length > 1 ? [group[0]!] : [])),
  }
}
