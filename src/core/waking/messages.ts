import { POLL_TOLD_MS, WAKE_MESSAGE_BYTES_MAX } from '../limits.ts'
import { INT32_MAX, type Offset, toOffset, toWholeNumber } from '../numbers.ts'
import type { PartitionId } from '../topic/partition-id.ts'

/** What a listener says. */
export type ListenerMessage =
  /** Asks for a ticket. */
  | { readonly type: 'hello' }
  /** Says that it is there; not answered. */
  | { readonly type: 'ping' }

/** Something was appended. */
export interface Wake extends PartitionId {
  readonly endOffset: Offset
  /** Whoever hears of it stays armed there, and is told of what comes from here on. Undefined: he is not armed there any more. */
  readonly from?: Offset | undefined
  /** What that is, all of it, as a fetch would bring it. Undefined: it is to be fetched. */
  readonly batches?: Uint8Array | undefined
}

/** What a listener is told. */
export type BrokerMessage =
  /** What arms: until then, and as long as this socket is open. */
  | { readonly type: 'ticket'; readonly ticket: string; readonly expiresMs: number }
  | { readonly type: 'wake'; readonly partitions: readonly Wake[] }
  /** Too many listen there: it is not armed any more, and polls for so long. */
  | { readonly type: 'poll'; readonly partitions: readonly PartitionId[]; readonly forMs: number }
  /** The socket is closed next. */
  | { readonly type: 'error'; readonly error: string; readonly detail: string }

/** What a socket is closed with, beside the codes that every WebSocket knows. */
export const CLOSE_CODES = {
  done: 1000,
  brokerStops: 1001,
  tooMany: 1008,
  tooLarge: 1009,
  notUnderstood: 4400,
  doesNotRead: 4408,
} as const

/** @throws RangeError where it is nothing that a listener says, with what is wrong */
export function parseListenerMessage(text: string): ListenerMessage {
  const { type } = parseObject(text)
  if (type === 'hello' || type === 'ping') return { type }
  throw new RangeError('its type is none that a listener says: hello or ping')
}

export function encodeListenerMessage({ type }: ListenerMessage): string {
  return JSON.stringify({ type })
}

/**
 * Undefined where its type is none that is known here: a broker of later may say more.
 * @throws RangeError where it cannot be read
 */
export function parseBrokerMessage(text: string): BrokerMessage | undefined {
  const said = parseObject(text)
  switch (said.type) {
    case 'ticket':
      return { type: 'ticket', ticket: toText(said.ticket), expiresMs: toNumber(said.expiresMs) }
    case 'wake':
      return {
        type: 'wake',
        partitions: toList(said.partitions).map(toWake),
      }
    case 'poll':
      return {
        type: 'poll',
        partitions: toList(said.partitions).map(toPartition),
        forMs: toNumber(said.forMs),
      }
    case 'error':
      return { type: 'error', error: toText(said.error), detail: toText(said.detail) }
    default:
      return undefined
  }
}

export function encodeTicket(ticket: string, expiresMs: number): string {
  return JSON.stringify({ type: 'ticket', ticket, expiresMs })
}

export function encodeError(error: string, detail: string): string {
  return JSON.stringify({ type: 'error', error, detail })
}

/** As many messages as it takes: none is larger than WAKE_MESSAGE_BYTES_MAX. */
export function encodeWakes(wakes: readonly Wake[]): string[] {
  const texts = wakes.map(({ topicId, partition, endOffset, from, batches }) =>
    JSON.stringify({
      topicId,
      partition,
      endOffset: String(endOffset),
      ...(from !== undefined && { from: String(from) }),
      ...(batches && { batches: Buffer.from(batches).toString('base64') }),
    }),
  )
  return inMessages(texts, '{"type":"wake","partitions":[', ']}')
}

/** The same for partitions that are to be polled. */
export function encodePolls(partitions: readonly PartitionId[]): string[] {
  const texts = partitions.map(({ topicId, partition }) => JSON.stringify({ topicId, partition }))
  return inMessages(texts, '{"type":"poll","partitions":[', `],"forMs":${POLL_TOLD_MS}}`)
}

/** Ids, numbers and base 64: each character is a byte. */
function inMessages(texts: readonly string[], start: string, end: string): string[] {
  const messages: string[] = []
  let some: string[] = []
  let bytes = start.length + end.length
  for (const text of texts) {
    if (some.length > 0 && bytes + text.length + 1 > WAKE_MESSAGE_BYTES_MAX) {
      messages.push(`${start}${some.join(',')}${end}`)
      some = []
      bytes = start.length + end.length
    }
    some.push(text)
    bytes += text.length + 1
  }
  if (some.length > 0) messages.push(`${start}${some.join(',')}${end}`)
  return messages
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new RangeError('it is no JSON')
  }
  if (!isObject(value)) throw new RangeError('it is no object')
  return value
}

function toList(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value) && value.every(isObject)) return value
  throw new RangeError('its partitions are no list of objects')
}

function toPartition({ topicId, partition }: Record<string, unknown>): PartitionId {
  return { topicId: toText(topicId), partition: toNumber(partition, INT32_MAX) }
}

function toWake({ endOffset, from, batches, ...place }: Record<string, unknown>): Wake {
  return {
    ...toPartition(place),
    endOffset: toEnd(endOffset),
    ...(from !== undefined && { from: toEnd(from) }),
    ...(batches !== undefined && { batches: Buffer.from(toText(batches), 'base64') }),
  }
}

function toEnd(value: unknown): Offset {
  return toOffset(toNumber(Number(toText(value))))
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value
  throw new RangeError('a text is missing')
}

function toNumber(value: unknown, max?: number): number {
  const number =
    typeof value === 'number' ? toWholeNumber(value, max === undefined ? {} : { max }) : undefined
  if (number === undefined) throw new RangeError('a number is missing')
  return number
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
