import type { CommittedPartition } from '../../contract/groups.ts'
import { isKafkaErrorName, TidemarkError } from '../../core/errors.ts'

/** What a broker said of a partition whose offset it did not take. */
export function refusedCommit({
  kafkaName,
  message,
}: NonNullable<CommittedPartition['error']>): TidemarkError {
  return new TidemarkError(isKafkaErrorName(kafkaName) ? kafkaName : 'UNKNOWN_SERVER_ERROR', message)
}
