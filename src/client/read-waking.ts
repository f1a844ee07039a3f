import type { Waking } from '../contract/broker.ts'
import { ARMED_HEADER, type Armed, decodeArmed, WAKING_HEADER } from '../contract/waking/offer.ts'
import type { Answer } from './answer.ts'
import type { HttpTransport } from './http-transport.ts'
import { openListenerSocket } from './listener-socket.ts'

/** What an answer says of being woken; nothing where its broker wakes nobody. */
export function readWaking({ headers }: Answer, transport: HttpTransport): { waking?: Waking } {
  const url = headers.get(WAKING_HEADER)
  if (url === null) return {}
  const address = transport.socketAddress(url)
  const told = headers.get(ARMED_HEADER)
  const armed = told === null ? undefined : decodeArmed(told)
  return {
    waking: {
      ...(armed !== undefined && { armed }),
      ...(address && { open: listener => openListenerSocket(address, listener) }),
    },
  }
}

/**
 * What several answers say together.
 * @param parts each with the places in the request of those partitions that it is of
 */
export function joinWaking(
  parts: readonly { readonly places: readonly number[]; readonly waking: Waking | undefined }[],
): Waking | undefined {
  const open = parts.find(({ waking }) => waking?.open)?.waking?.open
  if (open === undefined) return undefined
  return { open, ...joinArmed(parts) }
}

function joinArmed(
  parts: readonly { readonly places: readonly number[]; readonly waking: Waking | undefined }[],
): { armed?: Armed } {
  const polled: number[] = []
  for (const { places, waking } of parts) {
    const armed = waking?.armed
    if (armed === undefined) return {}
    if (armed === 'stale' || armed === 'forged') return { armed }
    if (armed !== 'all') polled.push(...armed.map(index => places[index] ?? 0))
  }
  return { armed: polled.length === 0 ? 'all' : polled }
}
