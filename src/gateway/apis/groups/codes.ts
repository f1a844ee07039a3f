import type { CommittedPartition } from '../../../contract/groups.ts'
import { isKafkaErrorName } from '../../../core/errors.ts'
import { codeOf, NONE } from '../error-code.ts'

/** What an answer says of one partition. */
export function codeOfName(error: CommittedPartition['error']): number {
  if (error === null) return NONE
  return codeOf(isKafkaErrorName(error.kafkaName) ? error.kafkaName : 'UNKNOWN_SERVER_ERROR')
}
