import { randomBytes } from 'node:crypto'
import type { Header, KafkaClient, ReadRecord, SentRecord } from './client.ts'

const FIRST_MS = Date.UTC(2026, 0, 1)
const LARGE_BYTES = 990_000

const text = (value: string) => Buffer.from(value)

/** Whatever a record can hold that some client or broker might take for something else. */
export function oddRecords(partition = 0): SentRecord[] {
  const plain = { partition, key: text('key'), value: text('value'), headers: [] }
  const all: Omit<SentRecord, 'timestampMs'>[] = [
    plain,
    { ...plain, key: null },
    { ...plain, value: null },
    { ...plain, key: text(''), value: text('') },
    { ...plain, key: null, value: text('') },
    { ...plain, key: everyByte(), value: everyByte() },
    { ...plain, headers: [['one', text('1')]] },
    { ...plain, headers: [['null', null]] },
    {
      ...plain,
      headers: [
        ['same', text('1')],
        ['other', text('2')],
        ['same', text('3')],
      ],
    },
    { ...plain, value: text('ü€😀') },
  ]
  return all.map((record, index) => ({ ...record, timestampMs: FIRST_MS + index }))
}

/** Of about a megabyte, which nothing compresses. */
export function largeRecord(partition = 0): SentRecord {
  const value = randomBytes(LARGE_BYTES)
  return { partition, key: text('large'), value, headers: [], timestampMs: FIRST_MS }
}

/** A second between each. */
export function timedRecords(count: number, partition = 0): SentRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    partition,
    key: text(`key-${index}`),
    value: text(`value-${index}`),
    headers: [],
    timestampMs: FIRST_MS + index * 1_000,
  }))
}

function everyByte(): Buffer {
  // But for those that kcat ends its lines with.
  return Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
}

type Traits = Pick<KafkaClient, 'abilities' | 'groupsHeaders'>

/** What has to come out: as it was sent, but for what the writer cannot say and the reader cannot see. */
export function wanted(sent: readonly SentRecord[], writer: Traits, reader: Traits, first = 0) {
  return sent.map(({ key, value, headers, timestampMs }, index) => ({
    offset: first + index,
    key: shown(writer.abilities.has('empty-values') ? key : key?.length === 0 ? null : key),
    value: shown(writer.abilities.has('empty-values') ? value : value?.length === 0 ? null : value),
    headers: shownHeaders(headers, writer.groupsHeaders || reader.groupsHeaders),
    timestampMs: writer.abilities.has('own-times') ? timestampMs : null,
  }))
}

export function found(read: readonly ReadRecord[], writer: Traits, reader: Traits) {
  return read.map(({ offset, key, value, headers, timestampMs }) => ({
    offset,
    key: shown(key),
    value: shown(value),
    headers: shownHeaders(headers, writer.groupsHeaders || reader.groupsHeaders),
    timestampMs: writer.abilities.has('own-times') ? timestampMs : null,
  }))
}

/** Each byte a character, so that a difference can be read. */
function shown(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('latin1')
}

function shownHeaders(headers: readonly Header[], groups: boolean): [string, string | null][] {
  const all = headers.map(([name, value]) => [name, shown(value)] as [string, string | null])
  return groups ? [...Map.groupBy(all, ([name]) => name).values()].flat() : all
}
