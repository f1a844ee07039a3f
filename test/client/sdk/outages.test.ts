import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Outages } from '../../../src/client/sdk/outages.ts'
import { type KafkaErrorName, TidemarkError } from '../../../src/core/errors.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const one = {}
const other = {}
const failure = (name: KafkaErrorName = 'NETWORK_EXCEPTION') => new TidemarkError(name, 'Nobody there.')

function open({
  giveUpAfterMs = Number.POSITIVE_INFINITY,
  lastsAfterMs = 1_000,
  tells = (): boolean => true,
} = {}) {
  const told: string[] = []
  const outages = new Outages<'fetch' | 'commit'>(
    { giveUpAfterMs, lastsAfterMs: () => lastsAfterMs },
    {
      began: ({ kafkaName }, during) => void told.push(`began ${during} ${kafkaName}`),
      lasts: ({ kafkaName }, during) => {
        if (tells()) told.push(`lasts ${during} ${kafkaName}`)
        return tells()
      },
      over: (during, _, durationMs) => void told.push(`over ${during} ${Math.round(durationMs)}`),
    },
  )
  return { outages, told }
}

test('each trouble is told once: when it begins, when it lasts, and when it is over', () => {
  const { outages, told } = open()
  for (let tries = 0; tries < 30; tries++) {
    expect(outages.failed('fetch', one, failure())).toBe(true)
    vi.advanceTimersByTime(100)
  }
  outages.passed('fetch', one)
  outages.passed('fetch', one)
  const once = ['began fetch NETWORK_EXCEPTION', 'lasts fetch NETWORK_EXCEPTION', 'over fetch 3000']
  expect(told).toEqual(once)
  outages.failed('fetch', one, failure())
  vi.advanceTimersByTime(1_000)
  outages.passed('fetch', one)
  expect(told).toEqual([...once, ...once.slice(0, 2), 'over fetch 1000'])
})

test('another that works ends no trouble, and one that fails too adds none of the same kind', () => {
  const { outages, told } = open()
  outages.failed('fetch', one, failure())
  outages.failed('fetch', other, failure())
  outages.passed('fetch', one)
  outages.failed('fetch', one, failure())
  outages.failed('fetch', one, failure('KAFKA_STORAGE_ERROR'))
  outages.passed('fetch', one)
  expect(told).toEqual(['began fetch NETWORK_EXCEPTION', 'began fetch KAFKA_STORAGE_ERROR'])
  outages.passed('fetch', other)
  expect(told).toHaveLength(3)
})

test('time counts from the last success on, whatever hung in between', () => {
  const { outages, told } = open()
  outages.failed('fetch', one, failure(), performance.now() - 900)
  vi.advanceTimersByTime(99)
  expect(told).toHaveLength(1)
  vi.advanceTimersByTime(1)
  expect(told).toHaveLength(2)
})

test('what begins later lasts later', () => {
  const { outages, told } = open()
  outages.failed('fetch', one, failure())
  vi.advanceTimersByTime(600)
  outages.failed('fetch', other, failure('KAFKA_STORAGE_ERROR'))
  outages.passed('fetch', one)
  vi.advanceTimersByTime(600)
  expect(told.some(text => text.startsWith('lasts'))).toBe(false)
  vi.advanceTimersByTime(400)
  expect(told.at(-1)).toBe('lasts fetch KAFKA_STORAGE_ERROR')
})

test('what is not told of lasting yet is told with a later failure', () => {
  let tells = false
  const { outages, told } = open({ tells: () => tells })
  outages.failed('fetch', one, failure())
  vi.advanceTimersByTime(5_000)
  expect(told).toHaveLength(1)
  tells = true
  outages.failed('fetch', one, failure())
  vi.advanceTimersByTime(1)
  expect(told).toHaveLength(2)
})

test('what is not tried any more does not last, and its trouble is over with the next success', () => {
  const { outages, told } = open()
  outages.failed('fetch', one, failure())
  outages.forget(one)
  vi.advanceTimersByTime(5_000)
  expect(told).toEqual(['began fetch NETWORK_EXCEPTION'])
  outages.passed('fetch', other)
  expect(told.at(-1)).toBe('over fetch 5000')
})

test('it gives up by the time since the first failure, and at once over what cannot pass', () => {
  const { outages } = open({ giveUpAfterMs: 500 })
  expect(outages.failed('commit', one, failure(), performance.now() - 9_000)).toBe(true)
  vi.advanceTimersByTime(501)
  expect(outages.failed('commit', one, failure())).toBe(false)
  expect(outages.failed('fetch', one, failure('INVALID_REQUEST'))).toBe(false)
  expect(outages.failed('fetch', one, new Error('a bug'))).toBe(false)
})

test('a closed one tells nothing more', () => {
  const { outages, told } = open()
  outages.failed('fetch', one, failure())
  outages.close()
  vi.advanceTimersByTime(5_000)
  outages.passed('fetch', one)
  expect(told).toHaveLength(1)
})
