import { EVENT_BYTES_MAX } from '../limits.ts'
import type { RecordHeader } from '../record/record.ts'
import type { TriggerRecord } from './trigger.ts'

/**
 * The event that Lambda's event source for self-managed Kafka sends.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html ("Example event"). What it does not say is taken
 * from how it behaves: a record without a key or a value lacks the field, and bytes of headers are Java's, from -128 to
 * 127; AWS's own types for Go and Rust refuse others.
 *
 * All of it is ASCII, so that its length is its size in bytes.
 */

/** A record as it stands in an event: JSON. */
export function encodeRecord(topic: string, partition: number, record: TriggerRecord): string {
  const { offset, timestampMs, timestampType, key, value, headers } = record
  return (
    `{"topic":${text(topic)},"partition":${partition},"offset":${offset},"timestamp":${timestampMs},` +
    `"timestampType":"${timestampType}"${bytesField('key', key)}${bytesField('value', value)},` +
    `"headers":[${headers.map(encodeHeader).join()}]${nullHeadersField(headers)}}`
  )
}

/** Whether no event has room for the record, as far as that is known without writing it out: of text each byte takes one at least. */
export function isBeyondEvents({ key, value, headers }: TriggerRecord): boolean {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0)
  return bytes > EVENT_BYTES_MAX
}

/** An event with the records of one partition, each as `encodeRecord` gives it: JSON. */
export function buildEvent(
  topic: string,
  partition: number,
  encoded: readonly string[],
  bootstrapServers: string,
): string {
  return (
    `{"eventSource":"SelfManagedKafka","bootstrapServers":${text(bootstrapServers)},` +
    `"records":{${text(partitionKey(topic, partition))}:[${encoded.join()}]}}`
  )
}

/** What events call a partition, and what partial answers name it by. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}-${partition}`
}

/** Base64 and numbers need no escapes: written out by hand, they are not gone through once more. */
function bytesField(name: string, bytes: Uint8Array | null): string {
  if (bytes === null) return ''
  return `,"${name}":"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`
}

/** A header without a value has no bytes: handlers expect a list, and Powertools' consumer fails at anything else. */
function encodeHeader({ key, value }: RecordHeader): string {
  const signed = value === null ? '' : new Int8Array(value.buffer, value.byteOffset, value.byteLength).join()
  return `{${text(key)}:[${signed}]}`
}

/** Which of the headers have no value, by their places in the list: a field of our own, and only where there are any. */
function nullHeadersField(headers: readonly RecordHeader[]): string {
  const places = headers.flatMap(({ value }, index) => (value === null ? [index] : []))
  return places.length === 0 ? '' : `,"nullHeaders":[${places}]`
}

function text(value: string): string {
  // Kept to ASCII, see above.
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
