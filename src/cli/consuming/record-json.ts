import { isUtf8 } from 'node:buffer'
import type { ConsumedRecord, FormatRecord } from './consumed-record.ts'

/**
 * One JSON object a line, without loss: bytes that are UTF-8 stand as text under `key` and `value`, others
 * as base64 under `keyBase64` and `valueBase64`; null is null.
 */
export const formatJsonLine: FormatRecord = consumed => [Buffer.from(`${JSON.stringify(toJson(consumed))}\n`)]

function toJson({ topic, partition, generation, record }: ConsumedRecord): Record<string, unknown> {
  return {
    topic,
    partition,
    ...(generation === undefined ? {} : { generation }),
    offset: record.offset,
    timestampMs: record.timestampMs,
    ...bytesToJson('key', record.key),
    ...bytesToJson('value', record.value),
    headers: record.headers.map(({ key, value }) => ({ key, ...bytesToJson('value', value) })),
  }
}

function bytesToJson(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(buffer)
    ? { [name]: buffer.toString('utf8') }
    : { [`${name}Base64`]: buffer.toString('base64') }
}
