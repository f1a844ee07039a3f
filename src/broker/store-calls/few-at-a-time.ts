/** Does something for each item, so many of them at a time; results in order. Once it fails for one, no other is begun. */
export async function fewAtATime<T, R>(
  items: readonly T[],
  parallelMax: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  if (items.length === 1) return [await work(items[0]!)]
  const results = new Array<R>(items.length)
  let next = 0
  // Each goes on as soon as it can: none waits for the slowest of the others.
  const goOn = async () => {
    while (next < items.length) {
      const index = next++
      results[index] = await work(items[index]!)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(parallelMax, items.length) }, goOn))
  } finally {
    next = items.length
  }
  return results
}
