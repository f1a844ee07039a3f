import { encodeBatch } from '../../../src/core/record/index.ts'
import type { AnyApi } from '../../../src/gateway/wire/api.ts'
import { APIS, apiOf } from '../../../src/gateway/wire/apis.ts'
import { decodeRequestHeader } from '../../../src/gateway/wire/header.ts'
import { covers, type Field, type Fields, NO_UUID, type Shape } from '../../../src/gateway/wire/schema.ts'
import { clientRequests as recordedRequests } from '../../gateway/wire/client-requests.ts'
import { ConsumerProtocolSubscription } from '../../gateway/wire/consumer-protocol.ts'
import type { Chance } from '../fuzz/chance.ts'

/** A request that a client could send, without its header. */
export interface ClientRequest {
  readonly api: AnyApi
  readonly version: number
  readonly body: Buffer
}

const PER_VERSION = 4

/** What real clients have sent, and some of every version of every API that name things which are there: only such ones get far. */
export function clientRequests(chance: Chance, topicId = NO_UUID): ClientRequest[] {
  const recorded = recordedRequests().map(({ hex }) => {
    const frame = Buffer.from(hex, 'hex')
    const { apiKey, apiVersion: version, bodyAt } = decodeRequestHeader(frame, apiOf)
    return { api: apiOf(apiKey, version)!, version, body: frame.subarray(bodyAt) }
  })
  const made = [...APIS.values()].flatMap(api => {
    const [first, last] = api.versions
    return Array.from({ length: (last - first + 1) * PER_VERSION }, (_, index) => {
      const version = first + Math.floor(index / PER_VERSION)
      const message = messageOf(api.fields.request, version, { chance, topicId })
      return { api, version, body: Buffer.concat(api.encodeRequest(version, message)) }
    })
  })
  return [...recorded, ...made]
}

interface Drawing {
  readonly chance: Chance
  readonly topicId: string
}

function messageOf(fields: Fields, version: number, drawing: Drawing): object {
  const { chance } = drawing
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, field]) => covers(field.versions, version) && !(field.tag !== undefined && chance.is(0.7)))
      .map(([name, field]) => [name, fieldValue(name, field, version, drawing)]),
  )
}

function fieldValue(name: string, field: Field, version: number, drawing: Drawing): unknown {
  if (covers(field.nullVersions, version) && drawing.chance.is(0.2)) return null
  return shapeValue(name, field.shape, version, drawing)
}

function shapeValue(name: string, shape: Shape, version: number, drawing: Drawing): unknown {
  const { chance, topicId } = drawing
  switch (shape.kind) {
    case 'struct':
      return messageOf(shape.fields, version, drawing)
    case 'array':
      return Array.from({ length: chance.oneOf([0, 1, 1, 1, 2, 3]) }, () =>
        shapeValue(name, shape.of, version, drawing),
      )
    case 'string':
      return chance.oneOf(textsOf(name))
    case 'bytes':
      return chance.is(0.7) ? SUBSCRIPTION : chance.bytes(chance.below(40))
    case 'records':
      return encodeBatch(
        Array.from({ length: 1 + chance.below(3) }, (_, index) => ({
          value: Buffer.from(`value ${index}`),
        })),
        { nowMs: 1_790_000_000_000 },
      )
    case 'uuid':
      return chance.is(0.8) ? topicId : NO_UUID
    case 'boolean':
      return chance.is(0.5)
    case 'float64':
      return chance.oneOf([0, 1.5, -1, 1e300])
    default:
      return numberOf(name, chance)
  }
}

const SUBSCRIPTION = ConsumerProtocolSubscription.encode(1, { topics: ['fuzzed'] })

const TEXTS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/protocolType/, ['consumer', 'consumer', 'connect']],
  [/mechanism/, ['PLAIN', 'SCRAM-SHA-256']],
  [/group|^key$/i, ['readers', 'readers', 'others']],
  [/memberId/, ['', '', 'm-1']],
  [/transactionalId/i, ['t-1']],
  [/topic|^name$|resourceName|coordinatorKeys/i, ['fuzzed', 'fuzzed', 'fuzzed', 'absent', 'range']],
  [/config|^key/i, ['retention.ms', 'cleanup.policy']],
]

function textsOf(name: string): readonly string[] {
  return TEXTS.find(([pattern]) => pattern.test(name))?.[1] ?? ['', 'a', 'fuzzed', '1']
}

/** Waits are short, and places exist. */
function numberOf(name: string, chance: Chance): number {
  if (/Ms$/.test(name)) return chance.oneOf([0, 10, 100, 6_000])
  if (/partition|index/i.test(name)) return chance.oneOf([0, 1, 2, 3, 9])
  if (/Bytes$/i.test(name)) return chance.oneOf([1, 1_000, 1_000_000])
  if (/acks/.test(name)) return chance.oneOf([-1, 0, 1])
  if (/offset|timestamp/i.test(name)) return chance.oneOf([0, 1, -1, -2, -3])
  return chance.oneOf([0, 0, 1, 1, 2, 3, -1])
}
