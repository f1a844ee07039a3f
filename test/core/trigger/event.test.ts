import type { SelfManagedKafkaEvent, SelfManagedKafkaRecord } from 'aws-lambda'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildEvent, encodeRecord } from '../../../src/core/trigger/event.ts'
import type { TriggerRecord } from '../../../src/core/trigger/trigger.ts'
import { record } from './records.ts'

/** Lambda's own: https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html, "Example event". */
const DOCUMENTED: SelfManagedKafkaEvent = {
  eventSource: 'SelfManagedKafka',
  bootstrapServers:
    'b-2.demo-cluster-1.a1bcde.c1.kafka.us-east-1.amazonaws.com:9092,b-1.demo-cluster-1.a1bcde.c1.kafka.us-east-1.amazonaws.com:9092',
  records: {
    'mytopic-0': [
      {
        topic: 'mytopic',
        partition: 0,
        offset: 15,
        timestamp: 1545084650987,
        timestampType: 'CREATE_TIME',
        key: 'abcDEFghiJKLmnoPQRstuVWXyz1234==',
        value: 'SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==',
        headers: [{ headerKey: [104, 101, 97, 100, 101, 114, 86, 97, 108, 117, 101] }],
      },
    ],
  },
}

function eventOf(records: readonly TriggerRecord[], topic = 'orders', servers = 'localhost:9092') {
  const encoded = records.map(each => encodeRecord(topic, 3, each))
  return buildEvent(topic, 3, encoded, servers)
}

function parsed(json: string): SelfManagedKafkaEvent {
  return JSON.parse(json) as SelfManagedKafkaEvent
}

function only(json: string) {
  return parsed(json).records['orders-3']![0] as SelfManagedKafkaRecord & { nullHeaders?: number[] }
}

describe('an event', () => {
  test("is Lambda's documented one, field by field and in the same order", () => {
    const [sample] = DOCUMENTED.records['mytopic-0']!
    const ours = parsed(
      buildEvent(
        'mytopic',
        0,
        [
          encodeRecord(
            'mytopic',
            0,
            record({
              offset: 15,
              timestampMs: 1_545_084_650_987,
              key: Buffer.from(sample!.key, 'base64'),
              value: 'Hello, this is a test.',
              headers: [['headerKey', 'headerValue']],
            }),
          ),
        ],
        DOCUMENTED.bootstrapServers,
      ),
    )
    expect(Object.keys(ours)).toEqual(Object.keys(DOCUMENTED))
    expect(ours.eventSource).toBe('SelfManagedKafka')
    expect(ours.bootstrapServers).toBe(DOCUMENTED.bootstrapServers)
    expect(Object.keys(ours.records)).toEqual(['mytopic-0'])
    const [made] = ours.records['mytopic-0']!
    expect(Object.keys(made!)).toEqual(Object.keys(sample!))
    for (const field of Object.keys(sample!) as (keyof typeof sample & string)[]) {
      expect([field, typeof made![field]]).toEqual([field, typeof sample![field]])
      // The sample's key has bits behind its last byte, which no encoder writes.
      if (field !== 'key') expect([field, made![field]]).toEqual([field, sample![field]])
    }
    expect(Buffer.from(made!.key, 'base64')).toEqual(Buffer.from(sample!.key, 'base64'))
  })

  test('leaves out a key and a value that are not there, and keeps those that are empty', () => {
    expect(only(eventOf([record()]))).toEqual({
      topic: 'orders',
      partition: 3,
      offset: 0,
      timestamp: 1_545_084_650_987,
      timestampType: 'CREATE_TIME',
      headers: [],
    })
    expect(only(eventOf([record({ key: '', value: '' })]))).toMatchObject({ key: '', value: '' })
  })

  test("writes the bytes of headers as Java's, and says which of them have no value", () => {
    const { headers, nullHeaders } = only(
      eventOf([
        record({
          headers: [
            ['é', new Uint8Array([0, 127, 128, 255])],
            ['a', null],
            ['a', ''],
            ['__proto__', 'x'],
          ],
        }),
      ]),
    )
    expect(nullHeaders).toEqual([1])
    expect(headers).toEqual([
      { é: [0, 127, -128, -1] },
      { a: [] },
      { a: [] },
      JSON.parse('{"__proto__":[120]}'),
    ])
  })

  test('keeps a header whose value is a view into larger bytes', () => {
    const value = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)
    const made = only(eventOf([record({ key: value, value, headers: [['a', value]] })]))
    expect(made).toMatchObject({ key: 'AgM=', value: 'AgM=', headers: [{ a: [2, 3] }] })
  })

  test('says of any records what they are, in ASCII, and its length is its parts', () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 20 }))
    const anyRecord = fc
      .record({
        offset: fc.maxSafeNat(),
        timestampMs: fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
        key: bytes,
        value: bytes,
        headers: fc.array(
          fc.tuple(
            fc.string({ unit: 'binary', maxLength: 8 }).map(name => name.toWellFormed()),
            bytes,
          ),
          { maxLength: 3 },
        ),
      })
      .map(record)
    fc.assert(
      fc.property(
        fc.array(anyRecord, { maxLength: 4 }),
        fc.string({ unit: 'binary' }),
        (records, servers) => {
          const json = eventOf(records, 'orders', servers)
          expect(json).toMatch(/^[\x20-\x7e]*$/)
          const empty = eventOf([], 'orders', servers).length
          const parts = records.map(each => encodeRecord('orders', 3, each).length + 1)
          expect(json.length).toBe(
            empty + parts.reduce((sum, part) => sum + part, 0) - (records.length > 0 ? 1 : 0),
          )
          const event = parsed(json)
          expect(event.bootstrapServers).toBe(servers)
          const read = event.records['orders-3']!.map(
            ({ offset, timestamp, key, value, headers, ...more }) => ({
              offset,
              timestampMs: timestamp,
              key: decoded(key),
              value: decoded(value),
              headers: headers
                .map(header => Object.entries(header)[0]!)
                .map(([name, list], index) => {
                  const isNull = (more as { nullHeaders?: number[] }).nullHeaders?.includes(index)
                  return [name, isNull ? null : [...Buffer.from(list)]]
                }),
            }),
          )
          expect(read).toEqual(
            records.map(({ offset, timestampMs, key, value, headers }) => ({
              offset,
              timestampMs,
              key: key && [...key],
              value: value && [...value],
              headers: headers.map(header => [header.key, header.value && [...header.value]]),
            })),
          )
        },
      ),
      { numRuns: 40 },
    )
  })
})

function decoded(base64: string | undefined): number[] | null {
  return base64 === undefined ? null : [...Buffer.from(base64, 'base64')]
}
