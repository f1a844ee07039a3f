import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { murmur2, partitionForKey, stickyPartition } from '../../../src/core/topic/partitioner.ts'

const require = createRequire(import.meta.url)
const bytes = (text: string) => Buffer.from(text)

describe('murmur2', () => {
  // org.apache.kafka.common.utils.UtilsTest.testMurmur2
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of %s is what the Java client computes', (text, hash) => {
    expect(murmur2(bytes(text))).toBe(hash)
  })

  test('is what kafkajs and @platformatic/kafka compute, for any bytes', async () => {
    const kafkajs = require('kafkajs/src/producer/partitioners/default/murmur2')
    const entry = pathToFileURL(require.resolve('kafkajs/package.json'))
    const platformatic = await import(new URL('../@platformatic/kafka/dist/protocol/murmur2.js', entry).href)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), key => {
        const expected = kafkajs(Buffer.from(key))
        expect(platformatic.murmur2(Buffer.from(key))).toBe(expected)
        expect(murmur2(key)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('partitionForKey', () => {
  test('clears the sign bit, as Kafka does, and does not take the absolute value', () => {
    expect(partitionForKey(bytes('21'), 7)).toBe((-973932308 & 0x7fffffff) % 7)
    expect((-973932308 & 0x7fffffff) % 7).not.toBe(973932308 % 7)
  })

  test('is what kafkajs chooses', () => {
    const { DefaultPartitioner } = require('kafkajs').Partitioners
    const choose = DefaultPartitioner()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 32 }), fc.integer({ min: 1, max: 500 }), (key, partitions) => {
        const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
          partitionId,
          leader: 0,
        }))
        const expected = choose({
          topic: 't',
          partitionMetadata,
          message: { key: Buffer.from(key), value: null },
        })
        expect(partitionForKey(key, partitions)).toBe(expected)
      }),
    )
  })
})

describe('stickyPartition', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  test('is a partition, and another one than before where there is a choice', () => {
    fc.assert(
      fc.property(
        fc.option(fc.nat({ max: 20 })),
        fc.integer({ min: 1, max: 20 }),
        random,
        (previous, partitions, at) => {
          const chosen = stickyPartition(previous, partitions, at)
          expect(Number.isInteger(chosen) && chosen >= 0 && chosen < partitions).toBe(true)
          if (partitions > 1) expect(chosen).not.toBe(previous)
        },
      ),
    )
  })

  test('reaches every other partition', () => {
    const reached = new Set([0, 0.25, 0.5, 0.75].map(at => stickyPartition(2, 5, at)))
    expect([...reached].sort()).toEqual([0, 1, 3, 4])
  })
})
