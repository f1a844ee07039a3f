import { patientBroker } from '../../client/patient-broker.ts'
import { RETRY_DEFAULT } from '../../client/retry.ts'
import { note, type Terminal } from '../output/terminal.ts'
import type { Connection } from './connect.ts'

/**
 * A broker behind HTTP for a person who waits: what a network swallows is asked for once more. What fails at once is told
 * at once, since trying again most often brings the same.
 */
export function patiently(
  broker: Connection['broker'],
  terminal: Terminal,
  settings = RETRY_DEFAULT,
): Connection['broker'] {
  return patientBroker(broker, {
    ...settings,
    isGivenUp: ({ kafkaName }) => kafkaName !== 'REQUEST_TIMED_OUT',
    onRetry: ({ kafkaName, message }) => note(terminal, `${kafkaName}: ${message} Trying again.`),
  })
}
