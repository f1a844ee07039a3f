/** One partition of one topic, for ever: a topic created again under the same name has another id. */
export interface PartitionId {
  readonly topicId: string
  readonly partition: number
}

/** The partition as one string, for maps and messages. */
export function partitionKey(id: PartitionId): string {
  return `${id.topicId}#${id.partition}`
}
