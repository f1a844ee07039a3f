import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  assignedPartitionsIn,
  subscribedTopicsIn,
} from '../../../src/core/group/classic/consumer-protocol.ts'
import { APIS } from '../../../src/gateway/wire/apis.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from './consumer-protocol.ts'
import { countedMessage } from './counted-messages.ts'
import { readBack } from './messages.ts'
import { KAFKA_EXAMPLES, KAFKA_LINES, ourLines } from './table-lines.ts'

test('our tables are those of Apache Kafka 4.4.0, field by field, in every version that it has', () => {
  const theirs = readFileSync(KAFKA_LINES, 'utf8').split('\n').slice(0, -1)
  expect(theirs.length).toBeGreaterThan(300)
  const ours = new Set(ourLines())
  expect(theirs.filter(line => !ours.has(line))).toEqual([])
})

const BY_NAME = new Map([...APIS.values()].map(api => [api.name, api]))
const DATA: Readonly<
  Record<string, typeof ConsumerProtocolSubscription | typeof ConsumerProtocolAssignment>
> = {
  ConsumerProtocolSubscription,
  ConsumerProtocolAssignment,
}

test("we write the bytes of Kafka's own messages, and read them", () => {
  const lines = readFileSync(KAFKA_EXAMPLES, 'utf8').trimEnd().split('\n')
  expect(lines.length).toBeGreaterThan(450)
  for (const line of lines) {
    const [name = '', side, of, hex = ''] = line.split(' ')
    const version = Number(of)
    const theirs = Buffer.from(hex, 'hex')
    const data = DATA[name]
    if (data !== undefined) {
      const message = countedMessage(data.fields, version)
      const prefixed = Buffer.concat([Buffer.from([0, version]), theirs])
      expect([line, Buffer.from(data.encode(version, message as never))]).toEqual([line, prefixed])
      expect(data.decode(prefixed)).toEqual({ ...readBack(data.fields, version, message), version })
      // What the core reads of them.
      const { topics, assignedPartitions } = message
      if (topics) expect(subscribedTopicsIn(prefixed)).toEqual(topics)
      else expect(assignedPartitionsIn(prefixed)).toEqual(assignedPartitions)
      continue
    }
    const api = BY_NAME.get(name)!
    const isRequest = side === 'request'
    const fields = isRequest ? api.fields.request : api.fields.response
    const message = countedMessage(fields, version)
    const chunks = isRequest ? api.encodeRequest(version, message) : api.encodeResponse(version, message)
    expect([line, Buffer.concat(chunks)]).toEqual([line, theirs])
    const read = isRequest ? api.decodeRequest(version, theirs) : api.decodeResponse(version, theirs)
    expect([line, read]).toEqual([line, readBack(fields, version, message)])
  }
})
