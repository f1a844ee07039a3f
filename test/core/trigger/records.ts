import { toOffset } from '../../../src/core/numbers.ts'
import type { TriggerRecord } from '../../../src/core/trigger/trigger.ts'

/** A record for tests; texts stand for their UTF-8. */
export function record(
  given: {
    offset?: number
    timestampMs?: number
    key?: string | Uint8Array | null
    value?: string | Uint8Array | null
    headers?: readonly (readonly [string, string | Uint8Array | null])[]
  } = {},
): TriggerRecord {
  const { offset = 0, timestampMs = 1_545_084_650_987, key = null, value = null, headers = [] } = given
  return {
    offset: toOffset(offset),
    timestampMs,
    timestampType: 'CREATE_TIME',
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headers.map(([name, text]) => ({ key: name, value: bytesOf(text) })),
  }
}

function bytesOf(given: string | Uint8Array | null): Uint8Array | null {
  return typeof given === 'string' ? new TextEncoder().encode(given) : given
}
