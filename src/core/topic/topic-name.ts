import { TidemarkError } from '../errors.ts'
import { TOPIC_NAME_CHARACTERS_MAX } from '../limits.ts'

/** What `checkTopicName` takes, for whoever describes it. */
export const TOPIC_NAME = new RegExp(`^(?!\\.{1,2}$)[a-zA-Z0-9._-]{1,${TOPIC_NAME_CHARACTERS_MAX}}$`)

/**
 * Kafka's rule for topic names.
 * Source: org.apache.kafka.common.internals.Topic.validate
 * @throws INVALID_TOPIC_EXCEPTION
 */
export function checkTopicName(name: string): void {
  const problem = problemOf(name)
  if (problem !== null) throw new TidemarkError('INVALID_TOPIC_EXCEPTION', problem)
}

function problemOf(name: string): string | null {
  if (TOPIC_NAME.test(name)) return null
  if (name === '') return 'A topic needs a name.'
  if (name === '.' || name === '..') return `A topic cannot be called "${name}".`
  if (name.length > TOPIC_NAME_CHARACTERS_MAX) {
    return `A topic name has at most ${TOPIC_NAME_CHARACTERS_MAX} characters; this one has ${name.length}.`
  }
  // Quoted as JSON and not as it came: a name can hold line breaks, and this text goes into logs.
  return `The topic name ${JSON.stringify(name)} has an illegal character: use letters, digits, ".", "_" and "-".`
}
