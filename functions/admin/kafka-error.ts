import { TidemarkError } from '../../src/core/errors.ts'

/** Whether an error is the one that Kafka calls so. */
export function isKafka(error: unknown, name: TidemarkError['kafkaName']): boolean {
  return error instanceof TidemarkError && error.kafkaName === name
}
