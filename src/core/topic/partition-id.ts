/** One partition of one topic, for ever: a topic created again under the same name has another id. */
export interface PartitionId {
  readonly topicId: string
  readonly partition: number
}

/** The partition as one string, for maps and messages. */
export function partitionKey(id: PartitionId): string {
  return `${id.topicId}#${id.partition}`
}

/** By their keys, each once, and nothing else of what is given. */
export function partitionsByKey(ids: readonly PartitionId[]): Map<string, PartitionId> {
  return new Map(
    ids.map(({ topicId, partition }) => [partitionKey({ topicId, partition }), { topicId, partition }]),
  )
}

export function partitionsOf({
  topicId,
  partitions,
}: {
  readonly topicId: string
  readonly partitions: number
}): PartitionId[] {
  return Array.from({ length: partitions }, (_, partition) => ({ topicId, partition }))
}
