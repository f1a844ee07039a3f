import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHttpApp } from '../../../src/contract/http/app.ts'
import { fromPathText, toPathText } from '../../../src/contract/http/requests/path-text.ts'
import { ROUTES } from '../../../src/contract/http/routes/index.ts'
import { digitsPattern } from '../../../src/contract/http/schemas/digits-pattern.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import {
  checkClientId,
  checkGroupId,
  checkInstanceId,
  checkMemberId,
} from '../../../src/core/group/identity.ts'
import { toWholeNumber } from '../../../src/core/numbers.ts'
import { checkConfigs, describeConfigs } from '../../../src/core/topic/topic-config.ts'
import { checkTopicName } from '../../../src/core/topic/topic-name.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document of any depth
type Json = any

const app = (settings = {}) =>
  createHttpApp({ broker: openInMemory().broker, logger: { error: () => {} } }, settings)
const document = app().openApi() as Json
const operations = (described: Json): Json[] =>
  Object.values(described.paths).flatMap((path: Json) => Object.values(path))
const { schemas } = document.components
const parameter = (path: string, method: string, name: string): Json =>
  document.paths[path][method].parameters.find((each: Json) => each.name === name).schema

function takes(check: (text: string) => void, text: string): boolean {
  try {
    check(text)
    return true
  } catch (error) {
    if (error instanceof TidemarkError) return false
    throw error
  }
}

/** As a validator of JSON Schema does it: regular expressions of Unicode, and lengths in characters. */
function isDescribed({ pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY }: Json, text: string) {
  const { length } = [...text]
  return new RegExp(pattern, 'u').test(text) && length >= minLength && length <= maxLength
}

/** Of characters that are one unit each: where schemas and the broker count alike. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '.', '-', '_', '~', '2', 'F', '/', ' ', '\n', '\u0085', 'é') }),
  fc.string({ unit: fc.constantFrom('a', '~2F'), minLength: 230, maxLength: 260 }),
  fc.constantFrom(
    '',
    '.',
    '..',
    '...',
    'instance-a',
    'trigger-a',
    'instance',
    'a'.repeat(249),
    'a'.repeat(250),
  ),
)

describe('what is said of texts is what the broker takes', () => {
  test.each<[string, Json, (given: string) => void]>([
    ['topics', schemas.CreateTopic.properties.topic, checkTopicName],
    ['topics in a path', parameter('/topics/{topic}', 'get', 'topic'), checkTopicName],
    ['member ids', schemas.Heartbeat.properties.memberId, checkMemberId],
    ['instance ids', schemas.Heartbeat.properties.instanceId, checkInstanceId],
    ['client ids', schemas.Heartbeat.properties.clientId, checkClientId],
    [
      'group ids in a path',
      parameter('/groups/{groupId}', 'get', 'groupId'),
      given => checkGroupId(fromPathText(given)),
    ],
    [
      'member ids in a path',
      parameter('/groups/{groupId}/members/{memberId}', 'delete', 'memberId'),
      given => checkMemberId(fromPathText(given)),
    ],
  ])('%s', (_, schema, check) => {
    fc.assert(
      fc.property(text, given => {
        expect(isDescribed(schema, given)).toBe(takes(check, given))
        expect(isDescribed(schema, toPathText(given))).toBe(takes(check, toPathText(given)))
      }),
      { numRuns: 300 },
    )
  })

  test('payloads in base64', () => {
    const { pattern } = schemas.PayloadInput.anyOf.find((each: Json) => each.properties?.base64).properties
      .base64
    const characters = fc.string({
      unit: fc.constantFrom('A', 'Q', 'g', '4', '/', '+', '=', '-'),
      maxLength: 9,
    })
    fc.assert(
      fc.property(characters, given => {
        const isExact = Buffer.from(given, 'base64').toString('base64') === given
        expect(new RegExp(pattern, 'u').test(given)).toBe(isExact)
      }),
    )
  })
})

describe('what is said of configs', () => {
  const { properties, additionalProperties } = schemas.CreateTopic.properties.configs

  test('are all that there are, and no others', () => {
    expect(Object.keys(properties)).toEqual(describeConfigs({}, true).map(({ name }) => name))
    expect(additionalProperties).toBe(false)
    expect(schemas.AlterTopic.properties.set.properties).toEqual(properties)
    expect(schemas.AlterTopic.properties.unset.items.enum).toEqual(Object.keys(properties))
  })

  const values = fc.oneof(
    fc.constantFrom(
      '-1',
      '-2',
      '0',
      '007',
      '-0',
      '3600000',
      '3600001',
      '4194304',
      '4194305',
      '9007199254740991',
    ),
    fc.constantFrom(
      '9007199254740992',
      'delete',
      'compact, delete',
      'delete,',
      'producer',
      'CreateTime',
      '',
      '1e3',
    ),
    fc.constantFrom('0.5', '1.0', '1.5', '-0.5', '.5', '1e-7', '13', '14', '2147483647', '2147483648'),
    fc.double({ min: 0, max: 1 }).map(String),
    fc.maxSafeInteger().map(String),
    fc.nat({ max: 5_000_000 }).map(String),
  )

  test.each(Object.entries<Json>(properties))('%s is what the broker takes', (name, schema) => {
    const { anyOf: [number, digits] = [] } = schema
    fc.assert(
      fc.property(values, value => {
        const isRight = digits
          ? new RegExp(digits.pattern, 'u').test(value)
          : (schema.enum?.includes(value) ?? new RegExp(schema.pattern, 'u').test(value))
        expect([value, isRight]).toEqual([value, takes(() => checkConfigs({ [name]: value }), '')])
        if (!digits || !/^-?[1-9]\d*$/.test(value)) return
        expect([value, Number(value) >= number.minimum && Number(value) <= number.maximum]).toEqual([
          value,
          isRight,
        ])
      }),
      { numRuns: 300 },
    )
  })
})

test('digits within bounds', () => {
  const bounds = fc.oneof(
    fc.record({ min: fc.integer({ min: -9, max: 0 }), max: fc.oneof(fc.nat(2_000), fc.nat()) }),
    fc.record({ min: fc.integer({ min: 1, max: 99 }), max: fc.integer({ min: 100, max: 2_000 }) }),
  )
  const given = fc.oneof(
    fc.integer({ min: -12, max: 2_100 }).map(String),
    fc.string({ unit: fc.constantFrom('-', '0', '1', '9') }),
  )
  fc.assert(
    fc.property(bounds, given, (bounds, text) => {
      expect(new RegExp(digitsPattern(bounds.min, bounds.max), 'u').test(text)).toBe(
        toWholeNumber(text, bounds) !== undefined,
      )
    }),
    { numRuns: 1_000 },
  )
})

describe('a token', () => {
  test('is asked for by nobody where the server needs none', () => {
    expect(document.components.securitySchemes).toBeUndefined()
    for (const { security, responses } of operations(document)) {
      expect([security, responses['401']]).toEqual([undefined, undefined])
    }
  })

  test('is asked for by all that is not open where it does', () => {
    const withToken = app({ token: 'secret' }).openApi() as Json
    expect(withToken.components.securitySchemes).toEqual({ bearer: { type: 'http', scheme: 'bearer' } })
    for (const { route, operationId } of ROUTES) {
      const operation = withToken.paths[route.path]?.[route.method]
      if (operation === undefined) continue
      expect([operationId, operation.security, '401' in operation.responses]).toEqual([
        operationId,
        route.isOpen ? [] : [{ bearer: [] }],
        !route.isOpen,
      ])
    }
  })
})

test('operations have names of their own, and each a tag', () => {
  const names = operations(document).map(({ operationId }) => operationId)
  expect(new Set(names).size).toBe(names.length)
  const tags = document.tags.map(({ name }: Json) => name)
  for (const { tags: of } of operations(document)) expect(tags).toContain(of[0])
})

test('numbers have their bounds and their width', () => {
  const bounds = { type: 'integer', format: 'int64', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }
  const records = '/topics/{topic}/partitions/{partition}/records'
  expect(parameter(records, 'get', 'offset')).toEqual(bounds)
  expect(parameter(records, 'get', 'maxBytes')).toEqual({ ...bounds, default: 1_048_576 })
  expect(parameter(records, 'get', 'partition')).toEqual({ ...bounds, format: 'int32', maximum: 2 ** 31 - 1 })
  expect(schemas.CreateTopic.properties.partitions).toMatchObject({ minimum: 1, maximum: 10_000, default: 1 })
  expect(schemas.Heartbeat.properties.sessionTimeoutMs).toMatchObject({
    minimum: 6_000,
    maximum: 1_800_000,
    default: 45_000,
  })
})
