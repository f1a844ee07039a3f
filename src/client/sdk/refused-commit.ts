import type { CommittedPartition } from '../../contract/groups.ts'
import { isKafkaErrorName, TidemarkError } from '../../core/errors.ts'

/** What a broker said of a partition whose offset it did not take. */
export function refusedCommit({
  kafkaName,
  message,
  retriable,
}: NonNullable<CommittedPartition['error']>): TidemarkError {
  const name = isKafkaErrorName(kafkaName) ? kafkaName : 'UNKNOWN_SERVER_ERROR'
  return new TidemarkError(name, message, 'no', { retriable })
}
