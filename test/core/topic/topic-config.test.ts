import { describe, expect, test } from 'vitest'
import { TidemarkError } from '../../../src/core/errors.ts'
import { BATCH_BYTES_DEFAULT_MAX, BATCH_BYTES_MAX, FLUSH_DEFAULT_MS } from '../../../src/core/limits.ts'
import {
  checkConfigName,
  checkConfigs,
  describeConfigs,
  noteOnConfigs,
  readSettings,
} from '../../../src/core/topic/topic-config.ts'

const NAMES_AND_DEFAULTS = {
  'cleanup.policy': 'delete',
  'compression.type': 'producer',
  'flush.ms': String(FLUSH_DEFAULT_MS),
  'max.message.bytes': String(BATCH_BYTES_DEFAULT_MAX),
  'message.timestamp.after.max.ms': '3600000',
  'message.timestamp.type': 'CreateTime',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
}

const NOTE = 'kept, but not acted upon yet; nothing is deleted'

test('what has no effect yet is told in one line', () => {
  expect(noteOnConfigs(['retention.ms', 'flush.ms', 'cleanup.policy'])).toBe(
    `retention.ms, cleanup.policy: ${NOTE}`,
  )
  expect(noteOnConfigs(['flush.ms'])).toBeUndefined()
})

function errorOf(configs: Record<string, string>): TidemarkError | undefined {
  try {
    checkConfigs(configs)
    return undefined
  } catch (error) {
    if (error instanceof TidemarkError) return error
    throw error
  }
}

test('every config is known, in the order of the names, with its default', () => {
  const described = describeConfigs({})
  expect(described).toEqual(
    Object.entries(NAMES_AND_DEFAULTS).map(([name, value]) => ({
      name,
      value,
      isDefault: true,
      ...(/^retention|^cleanup/.test(name) && { note: NOTE }),
    })),
  )
  expect(Object.keys(NAMES_AND_DEFAULTS)).toEqual(Object.keys(NAMES_AND_DEFAULTS).sort())
  for (const name of Object.keys(NAMES_AND_DEFAULTS)) checkConfigName(name)
})

test('every default passes its own check', () => {
  expect(errorOf(NAMES_AND_DEFAULTS)).toBeUndefined()
})

test('what was set is described as set, even to the default', () => {
  const described = describeConfigs({ 'retention.ms': '5', 'flush.ms': String(FLUSH_DEFAULT_MS) })
  expect(described.filter(({ isDefault }) => !isDefault)).toEqual([
    { name: 'flush.ms', value: String(FLUSH_DEFAULT_MS), isDefault: false },
    { name: 'retention.ms', value: '5', isDefault: false, note: NOTE },
  ])
})

describe('a name that is not known', () => {
  test.each(['', 'retention', 'Retention.ms', 'min.insync.replicas', 'toString', '__proto__', 'constructor'])(
    '"%s" is refused and told what is known',
    name => {
      const error = errorOf(JSON.parse(`{${JSON.stringify(name)}: "1"}`))
      expect(error?.kafkaName).toBe('INVALID_CONFIG')
      expect(error?.message).toContain('retention.ms')
      expect(() => checkConfigName(name)).toThrow(TidemarkError)
    },
  )
})

describe('a value', () => {
  test.each([
    ['retention.ms', '-1'],
    ['retention.ms', '0'],
    ['retention.bytes', '9007199254740991'],
    ['flush.ms', '0'],
    ['flush.ms', '3600000'],
    ['max.message.bytes', '0'],
    ['max.message.bytes', String(BATCH_BYTES_MAX)],
    ['message.timestamp.type', 'LogAppendTime'],
    ['cleanup.policy', 'compact'],
    ['cleanup.policy', 'compact,delete'],
    ['cleanup.policy', 'delete, compact'],
  ])('%s = "%s" is taken', (name, value) => {
    expect(errorOf({ [name]: value })).toBeUndefined()
  })

  test.each([
    ['retention.ms', '-2'],
    ['retention.ms', '1.5'],
    ['retention.ms', '1e3'],
    ['retention.ms', ''],
    ['retention.ms', ' 1'],
    ['retention.ms', 'forever'],
    ['retention.bytes', '9007199254740992'],
    ['retention.bytes', '99999999999999999999'],
    ['flush.ms', '-1'],
    ['flush.ms', '3600001'],
    ['max.message.bytes', '-1'],
    ['max.message.bytes', String(BATCH_BYTES_MAX + 1)],
    ['message.timestamp.type', 'logappendtime'],
    ['compression.type', 'gzip'],
    ['cleanup.policy', ''],
    ['cleanup.policy', 'delete,'],
    ['cleanup.policy', 'remove'],
  ])('%s = "%s" is refused and told what it must be', (name, value) => {
    const error = errorOf({ [name]: value })
    expect(error?.kafkaName).toBe('INVALID_CONFIG')
    expect(error?.message).toContain(name)
    expect(error?.message).toContain('must be')
  })

  test('that is refused is found among others that are not', () => {
    expect(errorOf({ 'flush.ms': '1', 'retention.ms': 'x', 'max.message.bytes': '1' })?.message).toContain(
      'retention.ms',
    )
  })
})

test('the broker goes by the defaults where nothing is set', () => {
  expect(readSettings({})).toEqual({
    maxBatchBytes: BATCH_BYTES_DEFAULT_MAX,
    flushMs: FLUSH_DEFAULT_MS,
    stampsAppendTime: false,
    timestampAfterMaxMs: 3_600_000,
  })
})

test('the broker goes by what is set', () => {
  expect(
    readSettings({
      'flush.ms': '7',
      'max.message.bytes': '1000',
      'message.timestamp.type': 'LogAppendTime',
      'message.timestamp.after.max.ms': '9',
    }),
  ).toEqual({ maxBatchBytes: 1000, flushMs: 7, stampsAppendTime: true, timestampAfterMaxMs: 9 })
})
