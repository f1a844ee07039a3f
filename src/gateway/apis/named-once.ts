/** Kafka's rule: what one request names twice is told once that it does, and nothing is done with it. */
export function namedOnce<T>(all: readonly T[], keyOf: (one: T) => string): { once: T[]; twice: T[] } {
  const byKey = new Map<string, T[]>()
  for (const one of all) {
    const key = keyOf(one)
    const group = byKey.get(key)
    // In place: a request of half a MiB may name the same a hundred thousand times.
    if (group) group.push(one)
    else byKey.set(key, [one])
  }
  const groups = [...byKey.values()]
  return {
    once: groups.flatMap(group => (group.length === 1 ? group : [])),
    twice: groups.flatMap(group => (group.length > 1 ? [group[0]!] : [])),
  }
}
