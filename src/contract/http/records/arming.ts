import { partitionKey } from '../../../core/topic/partition-id.ts'
import type { FetchMany } from '../../broker.ts'
import {
  ARMED_HEADER,
  encodeArmed,
  type Listener,
  WAKING_HEADER,
  type WakingOffer,
} from '../../waking/offer.ts'
import type { TicketProblem } from '../../waking/tickets.ts'

interface Answered {
  readonly topicId: string | undefined
  readonly partition: number
  readonly error?: unknown
}

/** A fetch whose client can be woken: what it has the broker do first, and what the answer says of that. */
export class Arming {
  readonly #url: string
  readonly #listener: Listener | TicketProblem | undefined
  readonly #refused = new Set<string>()

  /** @param ticket that the request brought, if any */
  static async of(offer: WakingOffer, ticket: string | undefined): Promise<Arming> {
    return new Arming(offer.url, ticket === undefined ? undefined : await offer.listenerOf(ticket))
  }

  private constructor(url: string, listener: Listener | TicketProblem | undefined) {
    this.#url = url
    this.#listener = listener
  }

  /** What the broker's call takes beside the rest. */
  get call(): Pick<FetchMany, 'arm'> {
    const listener = this.#listener
    if (typeof listener !== 'object') return {}
    return {
      arm: async partitions => {
        const refused = await listener.arm(partitions)
        for (const partition of refused) this.#refused.add(partitionKey(partition))
        return refused
      },
    }
  }

  /** @param answers one for each partition of the request, in its order */
  headers(answers: readonly Answered[]) {
    const listener = this.#listener
    const waking = { [WAKING_HEADER]: this.#url }
    if (listener === undefined) return waking
    return {
      ...waking,
      [ARMED_HEADER]: encodeArmed(typeof listener === 'string' ? listener : this.#refusedAmong(answers)),
    }
  }

  /** What could not be looked at may not be armed either. */
  #refusedAmong(answers: readonly Answered[]): number[] {
    return [...answers.entries()]
      .filter(
        ([, { topicId = '', partition, error }]) =>
          error !== undefined || this.#refused.has(partitionKey({ topicId, partition })),
      )
      .map(([index]) => index)
  }
}
