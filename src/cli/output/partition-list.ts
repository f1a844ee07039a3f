import { groupBy } from '../../core/since-node-22.ts'

/** Partitions in few words: `tides 0-3, 7; winds 0`. */
export function listPartitions(partitions: readonly { topic: string; partition: number }[]): string {
  const byTopic = groupBy(partitions, ({ topic }) => topic)
  return [...byTopic.keys()]
    .sort()
    .map(topic => `${topic} ${ranges(byTopic.get(topic)!.map(({ partition }) => partition))}`)
    .join('; ')
}

function ranges(numbers: number[]): string {
  const texts: string[] = []
  let first: number | undefined
  const sorted = numbers.toSorted((one, other) => one - other)
  for (const [index, number] of sorted.entries()) {
    first ??= number
    if (sorted[index + 1] === number + 1) continue
    texts.push(first === number ? `${number}` : `${first}-${number}`)
    first = undefined
  }
  return texts.join(', ')
}
