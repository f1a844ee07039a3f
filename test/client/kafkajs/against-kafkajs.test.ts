/** What has to come out the same is held against KafkaJS itself, with values drawn at random. */
import { createRequire } from 'node:module'
import fc from 'fast-check'
import * as kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import { toKafkaJSError } from '../../../src/client/kafkajs/errors.ts'
import * as ours from '../../../src/client/kafkajs/index.ts'
import { createLogger } from '../../../src/client/kafkajs/logger.ts'
import { isKafkaErrorName, TidemarkError } from '../../../src/core/errors.ts'

const require = createRequire(import.meta.url)

const KEYS = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 12 }))

for (const name of ['DefaultPartitioner', 'LegacyPartitioner', 'JavaCompatiblePartitioner'] as const) {
  test(`${name} puts every key where KafkaJS puts it`, () => {
    const [own, theirs] = [ours.Partitioners[name](), kafkajs.Partitioners[name]()]
    fc.assert(
      fc.property(KEYS, fc.integer({ min: 1, max: 100 }), (drawn, partitions) => {
        const key = typeof drawn === 'string' ? drawn : Buffer.from(drawn)
        const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
          ...{ partitionId, partitionErrorCode: 0, leader: 0, replicas: [0], isr: [0] },
        }))
        const args = { topic: 'tides', partitionMetadata, message: { key, value: null } }
        expect(own(args)).toBe(theirs(args))
      }),
      { numRuns: 2_000 },
    )
  })

  test(`${name} spreads what has no key`, () => {
    const choose = ours.Partitioners[name]()
    const partitionMetadata = [0, 1, 2].map(partitionId => ({
      ...{ partitionId, partitionErrorCode: 0, leader: 0, replicas: [0], isr: [0] },
    }))
    const args = { topic: 'tides', partitionMetadata, message: { value: null } }
    expect(new Set([choose(args), choose(args), choose(args)])).toEqual(new Set([0, 1, 2]))
  })
}

test('what members tell each other is encoded as KafkaJS encodes it', () => {
  const topic = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  const version = fc.integer({ min: 0, max: 3 })
  const userData = fc.uint8Array({ maxLength: 8 }).map(bytes => Buffer.from(bytes))
  const topics = fc.array(topic, { maxLength: 4 })
  const { MemberMetadata, MemberAssignment } = ours.AssignerProtocol
  fc.assert(
    fc.property(fc.record({ version, topics, userData }), metadata => {
      const encoded = MemberMetadata.encode(metadata)
      expect(encoded).toEqual(kafkajs.AssignerProtocol.MemberMetadata.encode(metadata))
      expect(MemberMetadata.decode(encoded)).toEqual(metadata)
    }),
  )
  const partitions = fc.array(fc.nat({ max: 1000 }), { maxLength: 5 })
  const assignment = fc.dictionary(topic, partitions, { maxKeys: 4, noNullPrototype: true })
  fc.assert(
    fc.property(fc.record({ version, assignment, userData }), assigned => {
      const encoded = MemberAssignment.encode(assigned)
      expect(encoded).toEqual(kafkajs.AssignerProtocol.MemberAssignment.encode(assigned))
      expect(MemberAssignment.decode(encoded)).toEqual(assigned)
    }),
  )
  // What a member that has nothing yet tells.
  expect(MemberAssignment.decode(Buffer.alloc(0))).toBe(null)
  expect(kafkajs.AssignerProtocol.MemberAssignment.decode(Buffer.alloc(0))).toBe(null)
})

test('errors have the names, numbers and flags that KafkaJS has for them', () => {
  const { errorCodes } = require('kafkajs/src/protocol/error.js')
  const known = errorCodes.filter(({ type }: { type: string }) => isKafkaErrorName(type))
  expect(known.length).toBeGreaterThan(30)
  for (const { type, code, retriable } of known) {
    const told = toKafkaJSError(new TidemarkError(type, 'what is wrong'))
    expect(told).toBeInstanceOf(ours.KafkaJSError)
    const { cause } = told as ours.KafkaJSError
    const same = told instanceof ours.KafkaJSNumberOfRetriesExceeded ? cause : told
    expect([type, (same as ours.KafkaJSError).retriable]).toEqual([type, retriable])
    if (same instanceof ours.KafkaJSProtocolError) expect([same.type, same.code]).toEqual([type, code])
  }
})

test('each error is one of those that KafkaJS’s is one of, and is called so', () => {
  const classes = Object.entries(ours).filter(([name]) => /^KafkaJS/.test(name)) as [
    string,
    new (message: string, about?: unknown) => Error,
  ][]
  expect(classes.length).toBeGreaterThan(20)
  for (const [name, Class] of classes) {
    const about = name.endsWith('DeleteTopicRecordsError') ? { partitions: [] } : 'what is wrong'
    const made = new Class(about as string, {})
    const lineOf = (error: object): string[] => {
      const parent = Object.getPrototypeOf(error)
      return parent === Object.prototype ? [] : [parent.constructor.name, ...lineOf(parent)]
    }
    const theirs = Reflect.get(kafkajs, name)
    const other = new theirs(about, {})
    expect([name, made.name, lineOf(made)]).toEqual([name, other.name, lineOf(other)])
    expect([name, Reflect.get(made, 'retriable')]).toEqual([name, other.retriable])
  }
})

test('loggers keep to the same levels', () => {
  const { createLogger: createTheirs } = require('kafkajs/src/loggers/index.js')
  const levels = [0, 1, 2, 4, 5] as const
  for (const level of levels) {
    for (const own of [undefined, ...levels]) {
      const lines = [
        createLogger,
        (asked: number, logCreator: unknown) => createTheirs({ level: asked, logCreator }),
      ].map(create => {
        const written: string[] = []
        const root: ours.Logger = create(level, () => ({ namespace, label, log }) => {
          written.push(`${label} ${namespace} ${log.message} ${log.offset}`)
        })
        const logger = root.namespace('gauges', own)
        logger.error('one', { offset: 1 })
        logger.warn('two', { offset: 2 })
        logger.info('three', { offset: 3 })
        logger.debug('four', { offset: 4 })
        root.setLogLevel(5)
        logger.debug('five')
        return written
      })
      expect([level, own, lines[0]]).toEqual([level, own, lines[1]])
    }
  }
})

test('the environment goes before what the program says', () => {
  const written: string[] = []
  const creator: ours.logCreator =
    level =>
    ({ label }) =>
      void written.push(`${level} ${label}`)
  const logger = createLogger(ours.logLevel.DEBUG, creator, { KAFKAJS_LOG_LEVEL: 'error' })
  logger.warn('not told')
  logger.namespace('gauges', ours.logLevel.DEBUG).info('not told')
  logger.error('told')
  expect(written).toEqual(['1 ERROR'])
})
