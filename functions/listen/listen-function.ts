import { randomBytes } from 'node:crypto'
import { retryUntil } from '../../src/broker/store-calls/retry.ts'
import { TICKET_KEY_BYTES, Tickets } from '../../src/contract/waking/tickets.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { ARMING_DEADLINE_MS, TICKET_LIFETIME_MS } from '../../src/core/limits.ts'
import { encodeError, encodeTicket, parseListenerMessage } from '../../src/core/waking/messages.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { ListenerStore } from '../../src/ports/listener-store.ts'
import type { Telemetry } from '../runtime/telemetry.ts'

/** What a gateway says of a message on a WebSocket, as far as it is looked at. */
interface SocketEvent {
  readonly requestContext?: { readonly connectionId?: string; readonly eventType?: string }
  readonly body?: string | null
}

/** A body is sent back as a message, where the route answers at all. */
interface SocketResult {
  readonly statusCode: number
  readonly body?: string
}

export interface ListenPorts extends Pick<Ports, 'clock' | 'entropy'> {
  readonly listeners: ListenerStore
  readonly telemetry: Pick<Telemetry, 'warn' | 'trace'>
}

/**
 * Gives sockets their tickets. Nothing is kept of a socket: its ticket says all, and what it has armed goes by itself. Whoever gets
 * here was let in by the gateway.
 */
export function makeListenFunction(ports: ListenPorts): (event: unknown) => Promise<SocketResult> {
  const { clock, listeners, telemetry } = ports
  let opening: Promise<Tickets> | undefined

  async function openTickets(): Promise<Tickets> {
    const key = await retryUntil(ports, clock.monotonicMs() + ARMING_DEADLINE_MS, 'no', () =>
      listeners.key(() => randomBytes(TICKET_KEY_BYTES)),
    )
    return new Tickets(key)
  }

  async function answer({ requestContext = {}, body }: SocketEvent): Promise<SocketResult> {
    const { connectionId = '', eventType } = requestContext
    // Whoever connects is heard of with his first message.
    if (eventType !== 'MESSAGE') return { statusCode: 200 }
    try {
      const { type } = parseListenerMessage(body ?? '')
      if (type === 'ping') return { statusCode: 200 }
      opening ??= openTickets().catch(error => {
        opening = undefined
        throw error
      })
      const tickets = await opening
      const expiresMs = clock.nowMs() + TICKET_LIFETIME_MS
      return { statusCode: 200, body: encodeTicket(tickets.make(connectionId, expiresMs), expiresMs) }
    } catch (error) {
      if (error instanceof RangeError) {
        return {
          statusCode: 200,
          body: encodeError('INVALID_REQUEST', `A message is not understood: ${error.message}.`),
        }
      }
      telemetry.warn('A listener gets no ticket', { error })
      const name = error instanceof TidemarkError ? error.kafkaName : 'UNKNOWN_SERVER_ERROR'
      return { statusCode: 200, body: encodeError(name, 'There is no ticket now. Connect again later.') }
    }
  }

  return event => telemetry.trace('listen', () => answer((event ?? {}) as SocketEvent))
}
