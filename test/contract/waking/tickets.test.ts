import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeArmed, encodeArmed } from '../../../src/contract/waking/offer.ts'
import { Tickets } from '../../../src/contract/waking/tickets.ts'
import { LISTENER_MESSAGE_BYTES_MAX } from '../../../src/core/limits.ts'

const KEY = new Uint8Array(32).fill(7)
const NOW_MS = 1_764_000_000_000
const tickets = new Tickets(KEY)

test('a ticket names its socket until its time is over', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 40 }), socketId => {
      const known = Buffer.from(socketId).toString()
      const ticket = tickets.make(known, NOW_MS + 1)
      expect(ticket).toMatch(/^[\w.-]+$/)
      expect(ticket.length).toBeLessThan(LISTENER_MESSAGE_BYTES_MAX)
      expect(tickets.check(ticket, NOW_MS)).toEqual({ socketId: known, expiresMs: NOW_MS + 1 })
      expect(tickets.check(ticket, NOW_MS + 1)).toBe('stale')
    }),
  )
})

test('a ticket is this, byte for byte', () => {
  expect(tickets.make('L0SM9cOFvHcCIhw=', NOW_MS)).toBe(
    'TDBTTTljT0Z2SGNDSWh3PQ.midc1z40.UQKU5UMI8EobUtYj0yHmxVAI',
  )
})

test('what was changed, made elsewhere or is none at all is forged', () => {
  const ticket = tickets.make('socket', NOW_MS + 1)
  const [id, time, signature] = ticket.split('.')
  const later = `${id}.${(NOW_MS + 1_000_000).toString(36)}.${signature}`
  const another = `${Buffer.from('other').toString('base64url')}.${time}.${signature}`
  const elsewhere = new Tickets(new Uint8Array(32).fill(8)).make('socket', NOW_MS + 1)
  for (const forged of [later, another, elsewhere, '', '..', `${ticket}=`, ` ${ticket}`, `${id}.${time}.`]) {
    expect([forged, tickets.check(forged, NOW_MS)]).toEqual([forged, 'forged'])
  }
  fc.assert(
    fc.property(
      fc.nat({ max: ticket.length - 1 }),
      fc.string({ minLength: 1, maxLength: 1 }),
      (at, character) => {
        const changed = ticket.slice(0, at) + character + ticket.slice(at + 1)
        if (changed !== ticket) expect(tickets.check(changed, NOW_MS)).toBe('forged')
      },
    ),
  )
})

test('a short key is refused', () => {
  expect(() => new Tickets(new Uint8Array(31))).toThrow('at least 32 bytes')
})

test.each([['all'], ['stale'], ['forged'], [[0, 3, 999]]] as const)('what became of it: %s', armed => {
  expect(decodeArmed(encodeArmed(armed))).toEqual(armed)
})

test('an empty list is all, and what is nothing of the kind is not understood', () => {
  expect(encodeArmed([])).toBe('all')
  for (const text of ['', 'none', '1,', ',1', '1.5', '-1']) expect(decodeArmed(text)).toBe(undefined)
})
