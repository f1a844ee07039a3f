/**
 * Reads what is wanted, so much of it at a time, and gives each in its turn. The next one begins when any of them has come: none
 * waits for the slowest. Whoever stops early leaves what was begun to itself.
 */
export async function* readAhead<T, R>(
  wanted: readonly T[],
  parallelMax: number,
  read: (one: T) => Promise<R>,
): AsyncGenerator<readonly [T, R]> {
  const reads: Promise<R>[] = []
  let isOver = false
  const begin = () => {
    if (isOver || reads.length >= wanted.length) return
    const reading = read(wanted[reads.length]!)
    reads.push(reading)
    // It is heard of in its turn, if anybody wants it then.
    reading.then(begin, () => {})
  }
  while (reads.length < Math.min(parallelMax, wanted.length)) begin()
  try {
    for (const [index, one] of wanted.entries()) yield [one, await reads[index]!]
  } finally {
    isOver = true
  }
}
