/** Does something for each item, so many of them at a time; results in order. */
export async function fewAtATime<T, R>(
  items: readonly T[],
  parallelMax: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  if (items.length === 1) return [await work(items[0]!)]
  const results: R[] = []
  for (let start = 0; start < items.length; start += parallelMax) {
    results.push(...(await Promise.all(items.slice(start, start + parallelMax).map(work))))
  }
  return results
}
