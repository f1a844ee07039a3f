import { type KafkaErrorName, TidemarkError } from '../../../src/core/errors.ts'

/** The name of the Kafka error that `action` throws, 'none' when it throws nothing; other errors pass. */
export function errorOf(action: () => unknown): KafkaErrorName | 'none' {
  try {
    action()
  } catch (error) {
    if (error instanceof TidemarkError) return error.kafkaName
    throw error
  }
  return 'none'
}

/** The same of an action that may take a while. */
export async function errorAfter(action: () => unknown): Promise<KafkaErrorName | 'none'> {
  try {
    await action()
  } catch (error) {
    if (error instanceof TidemarkError) return error.kafkaName
    throw error
  }
  return 'none'
}
