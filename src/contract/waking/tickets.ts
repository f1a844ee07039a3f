import { createHmac, timingSafeEqual } from 'node:crypto'

/** What tickets are signed by has so many bytes, or more. */
export const TICKET_KEY_BYTES = 32
const SIGNATURE_BYTES = 18
const FORM = /^([\w-]{1,200})\.([0-9a-z]{1,11})\.([\w-]{24})$/

/** Why a ticket arms nothing: its time is over, or it was not made here. */
export type TicketProblem = 'stale' | 'forged'

/**
 * Makes the tickets by which a fetch names the socket that is to be woken, and checks them. Nothing is kept: a ticket says
 * which socket, until when, and that it was made here. Whoever has somebody else's can have that socket woken for nothing.
 */
export class Tickets {
  readonly #key: Uint8Array

  /** @param key who has it can make tickets for any socket: 32 bytes or more */
  constructor(key: Uint8Array) {
    if (key.length < TICKET_KEY_BYTES) throw new RangeError('a key of tickets has at least 32 bytes')
    this.#key = key
  }

  make(socketId: string, expiresMs: number): string {
    const signature = this.#sign(socketId, expiresMs).toString('base64url')
    return `${Buffer.from(socketId).toString('base64url')}.${expiresMs.toString(36)}.${signature}`
  }

  check(
    ticket: string,
    nowMs: number,
  ): { readonly socketId: string; readonly expiresMs: number } | TicketProblem {
    const [, id, time, signature] = FORM.exec(ticket) ?? []
    if (id === undefined || time === undefined || signature === undefined) return 'forged'
    const socketId = Buffer.from(id, 'base64url').toString()
    const expiresMs = Number.parseInt(time, 36)
    if (!Number.isSafeInteger(expiresMs)) return 'forged'
    if (!timingSafeEqual(Buffer.from(signature, 'base64url'), this.#sign(socketId, expiresMs)))
      return 'forged'
    return nowMs < expiresMs ? { socketId, expiresMs } : 'stale'
  }

  #sign(socketId: string, expiresMs: number): Buffer {
    // As JSON, so that no two different tickets make the same text.
    const text = JSON.stringify(['tidemark-listener-1', socketId, expiresMs])
    return createHmac('sha256', this.#key).update(text).digest().subarray(0, SIGNATURE_BYTES)
  }
}
