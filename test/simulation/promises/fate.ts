import { groupKey } from '../../../src/core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'

/** A transaction as it was decided. */
export interface Fate {
  readonly transactionId: string
  readonly transactionalId: string
  readonly number: number
  readonly commits: boolean
  /** By partition key: the values, in their order. */
  readonly records: ReadonlyMap<string, readonly string[]>
  readonly appended: Set<string>
  /** By place: what became of it. */
  readonly offsets: Map<string, 'pending' | 'applied'>
}

/** How the metadata of an offset begins whose committer says from where he has gone on. */
export const FROM = 'from '

/** Where an offset is pending, or committed. */
export function placeName({ groupId, ...partition }: PartitionId & { readonly groupId: string }): string {
  return `${groupKey(groupId)} ${partitionKey(partition)}`
}
