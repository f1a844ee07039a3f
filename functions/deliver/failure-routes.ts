import { topicOfDestination } from '../../src/broker/triggers/delivering/topic-destination.ts'
import type { FailureDestinations } from '../../src/ports/failure-destinations.ts'

/** Topics of this broker are `topics`' to send to, and everything else is `others`'. */
export function routeFailures(topics: FailureDestinations, others: FailureDestinations): FailureDestinations {
  return {
    send: async (destination, givenUp) => {
      const isTopic = topicOfDestination(destination) !== undefined
      await (isTopic ? topics : others).send(destination, givenUp)
    },
  }
}
