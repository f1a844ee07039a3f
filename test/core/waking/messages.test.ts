import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { POLL_TOLD_MS, WAKE_MESSAGE_BYTES_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import {
  type BrokerMessage,
  encodeError,
  encodeListenerMessage,
  encodePolls,
  encodeTicket,
  encodeWakes,
  parseBrokerMessage,
  parseListenerMessage,
  type Wake,
} from '../../../src/core/waking/messages.ts'

const TOPIC_ID = '0d3c9c0e-6f0e-4c1b-9a52-2f9df1b1a0aa'
const wakes = fc.array(
  fc.record({
    topicId: fc.uuid(),
    partition: fc.nat({ max: 9_999 }),
    endOffset: fc.maxSafeNat().map(toOffset),
    ...{ from: fc.option(fc.maxSafeNat().map(toOffset), { nil: undefined }) },
    batches: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined, freq: 2 }),
  }),
  { minLength: 1, maxLength: 700 },
)

const bytesAsText = ({ batches, ...wake }: Wake) => ({ ...wake, ...(batches && { said: [...batches] }) })

describe('what a broker says', () => {
  test('is this, byte for byte', () => {
    const wake: Wake = { topicId: TOPIC_ID, partition: 3, endOffset: toOffset(17) }
    const staying = { ...wake, from: toOffset(16), batches: Uint8Array.of(1, 2, 255) }
    expect(encodeWakes([staying])).toEqual([
      `{"type":"wake","partitions":[{"topicId":"${TOPIC_ID}","partition":3,"endOffset":"17","from":"16","batches":"AQL/"}]}`,
    ])
    expect([
      encodeTicket('x.y.z', 1_764_000_000_000),
      ...encodeWakes([wake]),
      ...encodePolls([wake]),
      encodeError('INVALID_REQUEST', 'no'),
    ]).toEqual([
      '{"type":"ticket","ticket":"x.y.z","expiresMs":1764000000000}',
      `{"type":"wake","partitions":[{"topicId":"${TOPIC_ID}","partition":3,"endOffset":"17"}]}`,
      `{"type":"poll","partitions":[{"topicId":"${TOPIC_ID}","partition":3}],"forMs":600000}`,
      '{"type":"error","error":"INVALID_REQUEST","detail":"no"}',
    ])
  })

  test('comes back as it was, in messages that a gateway carries', () => {
    fc.assert(
      fc.property(wakes, all => {
        const messages = encodeWakes(all)
        for (const message of messages)
          expect(Buffer.byteLength(message)).toBeLessThanOrEqual(WAKE_MESSAGE_BYTES_MAX)
        const said = messages.map(parseBrokerMessage) as Extract<BrokerMessage, { type: 'wake' }>[]
        expect(said.flatMap(({ partitions }) => partitions.map(bytesAsText))).toEqual(all.map(bytesAsText))
        const polls = encodePolls(all)
        for (const message of polls)
          expect(Buffer.byteLength(message)).toBeLessThanOrEqual(WAKE_MESSAGE_BYTES_MAX)
        const told = polls.map(parseBrokerMessage) as Extract<BrokerMessage, { type: 'poll' }>[]
        expect(told.flatMap(({ partitions }) => partitions)).toEqual(
          all.map(({ topicId, partition }) => ({ topicId, partition })),
        )
        expect(new Set(told.map(({ forMs }) => forMs))).toEqual(new Set([POLL_TOLD_MS]))
      }),
      { numRuns: 50 },
    )
  })

  test('may be more than is known here, and then is passed over', () => {
    expect(parseBrokerMessage('{"type":"greeting","of":"later"}')).toBe(undefined)
    expect(parseBrokerMessage('{"type":"ticket","ticket":"t","expiresMs":1,"more":true}')).toEqual({
      type: 'ticket',
      ticket: 't',
      expiresMs: 1,
    })
  })

  test.each([
    '',
    'null',
    '[]',
    '{"type":"ticket"}',
    '{"type":"ticket","ticket":"t","expiresMs":"1"}',
    '{"type":"wake","partitions":{}}',
    '{"type":"wake","partitions":[{"topicId":"t","partition":-1,"endOffset":"0"}]}',
    '{"type":"wake","partitions":[{"topicId":"t","partition":1,"endOffset":"x"}]}',
    '{"type":"poll","partitions":[null],"forMs":1}',
    '{"type":"error","error":1,"detail":"d"}',
  ])('%s is refused', text => {
    expect(() => parseBrokerMessage(text)).toThrow(RangeError)
  })
})

describe('what a listener says', () => {
  test('comes back as it was', () => {
    for (const type of ['hello', 'ping'] as const) {
      expect(parseListenerMessage(encodeListenerMessage({ type }))).toEqual({ type })
    }
  })

  test.each([
    '',
    '{',
    'null',
    '7',
    '"hello"',
    '[{"type":"hello"}]',
    '{}',
    '{"type":"arm"}',
    '{"type":["hello"]}',
  ])('%s is refused', text => {
    expect(() => parseListenerMessage(text)).toThrow(RangeError)
  })

  test('whatever it is, it is read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), text => {
        try {
          expect(['hello', 'ping']).toContain(parseListenerMessage(text).type)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })
})
