import { describe, expect, test } from 'vitest'
import { TidemarkError } from '../../../src/core/errors.ts'
import {
  BATCH_BYTES_DEFAULT_MAX,
  BATCH_BYTES_MAX,
  FLUSH_DEFAULT_MS,
  SEGMENT_DEFAULT_BYTES,
} from '../../../src/core/limits.ts'
import {
  checkConfigName,
  checkConfigs,
  describeConfigs,
  namesExpiry,
  namesRules,
  readSettings,
} from '../../../src/core/topic/topic-config.ts'

const NAMES_AND_DEFAULTS = {
  'cleanup.policy': 'delete',
  'compression.type': 'producer',
  'delete.retention.ms': '86400000',
  'flush.ms': String(FLUSH_DEFAULT_MS),
  'max.compaction.lag.ms': '9007199254740991',
  'max.message.bytes': String(BATCH_BYTES_DEFAULT_MAX),
  'message.timestamp.after.max.ms': '3600000',
  'message.timestamp.type': 'CreateTime',
  'min.cleanable.dirty.ratio': '0.5',
  'min.compaction.lag.ms': '0',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
  'segment.bytes': '268435456',
}

const NOTE =
  'kept, and nothing is deleted: the topic is older than retention; once one of the three is set anew, all three hold'

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
  const described = describeConfigs({}, true)
  expect(described).toEqual(
    Object.entries(NAMES_AND_DEFAULTS).map(([name, value]) => ({ name, value, isDefault: true })),
  )
  expect(Object.keys(NAMES_AND_DEFAULTS)).toEqual(Object.keys(NAMES_AND_DEFAULTS).sort())
  for (const name of Object.keys(NAMES_AND_DEFAULTS)) checkConfigName(name)
})

test('every default passes its own check', () => {
  expect(errorOf(NAMES_AND_DEFAULTS)).toBeUndefined()
})

test('what was set is described as set, even to the default', () => {
  const described = describeConfigs({ 'retention.ms': '5', 'flush.ms': String(FLUSH_DEFAULT_MS) }, true)
  expect(described.filter(({ isDefault }) => !isDefault)).toEqual([
    { name: 'flush.ms', value: String(FLUSH_DEFAULT_MS), isDefault: false },
    { name: 'retention.ms', value: '5', isDefault: false },
  ])
})

test('a topic that is older than retention says what has no effect on it', () => {
  const noted = describeConfigs({ 'retention.ms': '5' }, false).filter(({ note }) => note !== undefined)
  expect(noted).toEqual([
    { name: 'cleanup.policy', value: 'delete', isDefault: true, note: NOTE },
    { name: 'retention.bytes', value: '-1', isDefault: true, note: NOTE },
    { name: 'retention.ms', value: '5', isDefault: false, note: NOTE },
  ])
})

test('which configs make an old topic expire, and which ones decide on what goes', () => {
  const names = Object.keys(NAMES_AND_DEFAULTS)
  expect(names.filter(name => namesExpiry([name]))).toEqual([
    'cleanup.policy',
    'retention.bytes',
    'retention.ms',
  ])
  expect(names.filter(name => namesRules(['flush.ms', name]))).toEqual([
    'cleanup.policy',
    'delete.retention.ms',
    'min.compaction.lag.ms',
    'retention.bytes',
    'retention.ms',
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
    ['segment.bytes', '14'],
    ['segment.bytes', '2147483647'],
    ['max.compaction.lag.ms', '1'],
    ['min.cleanable.dirty.ratio', '0'],
    ['min.cleanable.dirty.ratio', '1'],
    ['min.cleanable.dirty.ratio', '1.0'],
    ['min.cleanable.dirty.ratio', '0.25'],
    ['min.cleanable.dirty.ratio', String(1e-7)],
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
    ['segment.bytes', '13'],
    ['segment.bytes', '2147483648'],
    ['max.compaction.lag.ms', '0'],
    ['min.compaction.lag.ms', '-1'],
    ['delete.retention.ms', '-1'],
    ['min.cleanable.dirty.ratio', ''],
    ['min.cleanable.dirty.ratio', '-0.1'],
    ['min.cleanable.dirty.ratio', '1.1'],
    ['min.cleanable.dirty.ratio', '0,5'],
    ['min.cleanable.dirty.ratio', '2e-0'],
    ['min.cleanable.dirty.ratio', 'half'],
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

const DEFAULTS = {
  maxBatchBytes: BATCH_BYTES_DEFAULT_MAX,
  flushMs: FLUSH_DEFAULT_MS,
  stampsAppendTime: false,
  timestampAfterMaxMs: 3_600_000,
  segmentBytes: SEGMENT_DEFAULT_BYTES,
  isDeleted: true,
  retentionMs: 604_800_000,
  retentionBytes: -1,
  isCompacted: false,
  cleaning: {
    minDirtyRatio: 0.5,
    minLagMs: 0,
    maxLagMs: Number.MAX_SAFE_INTEGER,
    deleteRetentionMs: 86_400_000,
  },
}

test('the broker goes by the defaults where nothing is set', () => {
  expect(readSettings({}, true)).toEqual(DEFAULTS)
})

test('the broker goes by what is set', () => {
  const configs = {
    'flush.ms': '7',
    'max.message.bytes': '1000',
    'message.timestamp.type': 'LogAppendTime',
    'message.timestamp.after.max.ms': '9',
    'segment.bytes': '1024',
    'retention.ms': '-1',
    'retention.bytes': '100000',
    'cleanup.policy': 'compact, delete',
    'min.cleanable.dirty.ratio': '0.01',
    'min.compaction.lag.ms': '5',
    'max.compaction.lag.ms': '60000',
    'delete.retention.ms': '0',
  }
  expect(readSettings(configs, true)).toEqual({
    maxBatchBytes: 1000,
    flushMs: 7,
    stampsAppendTime: true,
    timestampAfterMaxMs: 9,
    segmentBytes: 1024,
    isDeleted: true,
    retentionMs: -1,
    retentionBytes: 100_000,
    isCompacted: true,
    cleaning: { minDirtyRatio: 0.01, minLagMs: 5, maxLagMs: 60_000, deleteRetentionMs: 0 },
  })
})

test('what is compacted alone keeps the last of each key, however old', () => {
  expect(readSettings({ 'cleanup.policy': 'compact' }, true)).toMatchObject({
    isDeleted: false,
    isCompacted: true,
  })
})

test.each(['delete', 'compact', 'compact,delete'])(
  'a topic that is older than retention keeps everything under %s',
  policy => {
    const { isDeleted, isCompacted } = readSettings({ 'cleanup.policy': policy, 'retention.ms': '1' }, false)
    expect({ isDeleted, isCompacted }).toEqual({ isDeleted: false, isCompacted: false })
  },
)
