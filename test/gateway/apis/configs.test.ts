import { beforeEach, describe, expect, test } from 'vitest'
import { AlterConfigs } from '../../../src/gateway/wire/messages/alter-configs.ts'
import { DescribeConfigs } from '../../../src/gateway/wire/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../../../src/gateway/wire/messages/incremental-alter-configs.ts'
import { ListConfigResources } from '../../../src/gateway/wire/messages/list-config-resources.ts'
import { AskedGateway } from './asking.ts'

const TOPIC = 2
const BROKER = 4
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3] as const

let gateway: AskedGateway
beforeEach(async () => {
  gateway = new AskedGateway()
  await gateway.createTopic('tides', 1, { 'retention.ms': '1000' })
})

async function describeOne(resource: object = {}, rest: object = {}, version = 4) {
  const resources = [{ resourceType: TOPIC, resourceName: 'tides', configurationKeys: null, ...resource }]
  return (await gateway.ask(DescribeConfigs, version, { resources, includeSynonyms: true, ...rest }))
    .results[0]!
}

const valueNow = async (name: string) =>
  (await describeOne({ configurationKeys: [name] })).configs.map(({ value }) => value)[0]

test('what is named ten thousand times is told once', async () => {
  const named = { resourceType: TOPIC, resourceName: 'tides', configurationKeys: null }
  const resources = [
    ...Array.from({ length: 10_000 }, () => named),
    { ...named, configurationKeys: ['retention.ms'] },
    { ...named, resourceType: BROKER, resourceName: '1' },
  ]
  const { results } = await gateway.ask(DescribeConfigs, 4, { resources, includeSynonyms: true })
  expect(results.map(({ resourceName }) => resourceName)).toEqual(['tides', 'tides', '1'])
  expect(results[1]?.configs.map(({ name }) => name)).toEqual(['retention.ms'])
})

describe('of a topic', () => {
  test('tell where they come from', async () => {
    const { errorCode, configs } = await describeOne({
      configurationKeys: ['retention.ms', 'cleanup.policy', 'nope'],
    })
    expect(errorCode).toBe(0)
    expect(configs).toEqual([
      {
        name: 'cleanup.policy',
        value: 'delete',
        readOnly: false,
        configSource: 5,
        isSensitive: false,
        synonyms: [{ name: 'log.cleanup.policy', value: 'delete', source: 5 }],
        configType: 7,
        documentation: null,
      },
      {
        name: 'retention.ms',
        value: '1000',
        readOnly: false,
        configSource: 1,
        isSensitive: false,
        synonyms: [
          { name: 'retention.ms', value: '1000', source: 1 },
          { name: 'log.retention.ms', value: '604800000', source: 5 },
        ],
        configType: 5,
        documentation: null,
      },
    ])
  })

  test('are all told where none is named, without what is not wanted', async () => {
    const { configs } = await describeOne({ configurationKeys: [] }, { includeSynonyms: false })
    expect(configs.length).toBeGreaterThan(10)
    expect(configs.flatMap(({ synonyms }) => synonyms)).toEqual([])
    const documented = await describeOne({}, { includeDocumentation: true })
    expect(documented.configs.every(({ documentation }) => documentation)).toBe(true)
  })

  test.each([
    [{ resourceName: 'ebb' }, 3],
    [{ resourceName: 'e b' }, 17],
    [{ resourceType: 77 }, 42],
    [{ resourceType: BROKER, resourceName: '9' }, 42],
    [{ resourceType: BROKER, resourceName: 'x' }, 42],
  ])('%o has the error %i', async (resource, errorCode) => {
    expect((await describeOne(resource)).errorCode).toBe(errorCode)
  })
})

test('of a broker tell what it is, and what topics have unless they say otherwise', async () => {
  const { configs } = await describeOne({ resourceType: BROKER, resourceName: '1' })
  const values = Object.fromEntries(configs.map(({ name, value }) => [name, value]))
  expect(values).toMatchObject({
    'node.id': '1',
    'advertised.listeners': 'PLAINTEXT://tide.example:9092',
    'auto.create.topics.enable': 'false',
    'log.cleanup.policy': 'delete',
    'log.cleaner.max.compaction.lag.ms': '9223372036854775807',
  })
  expect(new Set(configs.map(({ name }) => name)).size).toBe(configs.length)
  expect((await describeOne({ resourceType: BROKER, resourceName: '' })).configs).toEqual([])
})

describe('one by one', () => {
  type Step = readonly [name: string, operation: number, value: string | null]
  const alter = async (steps: readonly Step[], resource: object = {}, rest: object = {}) => {
    const configs = steps.map(([name, configOperation, value]) => ({ name, configOperation, value }))
    const resources = [{ resourceType: TOPIC, resourceName: 'tides', configs, ...resource }]
    return (await gateway.ask(IncrementalAlterConfigs, 1, { resources, ...rest })).responses[0]!.errorCode
  }

  test('are set, unset, and lists added to', async () => {
    expect(await alter([['segment.bytes', SET, '2000000']])).toBe(0)
    expect(await valueNow('retention.ms')).toBe('1000')
    expect(await alter([['retention.ms', DELETE, null]])).toBe(0)
    expect(await valueNow('retention.ms')).toBe('604800000')
    expect(await alter([['cleanup.policy', APPEND, 'compact']])).toBe(0)
    expect(await alter([['cleanup.policy', APPEND, 'compact']])).toBe(0)
    expect(await valueNow('cleanup.policy')).toBe('delete,compact')
    expect(await alter([['cleanup.policy', SUBTRACT, 'delete']])).toBe(0)
    expect(await valueNow('cleanup.policy')).toBe('compact')
  })

  test('Kafka’s largest number is the largest here', async () => {
    expect(await alter([['retention.ms', SET, '9223372036854775807']])).toBe(0)
    expect(await valueNow('retention.ms')).toBe('9223372036854775807')
  })

  test('as a trial change nothing', async () => {
    const trial = { validateOnly: true }
    expect(await alter([['retention.ms', SET, '5']], {}, trial)).toBe(0)
    expect(await alter([['retention.ms', SET, 'x']], {}, trial)).toBe(40)
    expect(await alter([['retention.ms', SET, '5']], { resourceName: 'ebb' }, trial)).toBe(3)
    expect(await valueNow('retention.ms')).toBe('1000')
  })

  test.each<[readonly Step[], object, number]>([
    [[['nope', SET, '1']], {}, 40],
    [[['nope', DELETE, null]], {}, 40],
    [[['retention.ms', SET, 'x']], {}, 40],
    [[['retention.ms', SET, null]], {}, 42],
    [[['retention.ms', APPEND, '1']], {}, 40],
    [[['retention.ms', 9, '1']], {}, 42],
    [
      [
        ['retention.ms', SET, '1'],
        ['retention.ms', DELETE, null],
      ],
      {},
      42,
    ],
    [[['retention.ms', SET, '1']], { resourceName: 'ebb' }, 3],
    [[['node.id', SET, '1']], { resourceType: BROKER, resourceName: '1' }, 42],
  ])('%j of %o has the error %i, and changes nothing', async (steps, resource, errorCode) => {
    expect(await alter(steps, resource)).toBe(errorCode)
    expect(await valueNow('retention.ms')).toBe('1000')
  })
})

test('all at once, what is not named goes back to its default', async () => {
  const replace = async (configs: { name: string; value: string | null }[]) => {
    const resources = [{ resourceType: TOPIC, resourceName: 'tides', configs }]
    return (await gateway.ask(AlterConfigs, 2, { resources })).responses[0]!.errorCode
  }
  expect(await replace([{ name: 'segment.bytes', value: '2000000' }])).toBe(0)
  expect([await valueNow('retention.ms'), await valueNow('segment.bytes')]).toEqual(['604800000', '2000000'])
  expect(await replace([{ name: 'nope', value: '1' }])).toBe(40)
  expect(await valueNow('segment.bytes')).toBe('2000000')
})

test('of Kafka’s that mean nothing here are taken, and what holds is told', async () => {
  const set = async (name: string, value: string) => {
    const configs = [{ name, configOperation: SET, value }]
    const resources = [{ resourceType: TOPIC, resourceName: 'tides', configs }]
    return (await gateway.ask(IncrementalAlterConfigs, 1, { resources })).responses[0]!.errorCode
  }
  expect([await set('min.insync.replicas', '2'), await valueNow('min.insync.replicas')]).toEqual([0, '1'])
  expect([await set('compression.type', 'gzip'), await valueNow('compression.type')]).toEqual([0, 'producer'])
  expect([await set('min.insync.replicas', 'two'), await set('compression.type', 'brotli')]).toEqual([40, 40])
  expect([await set('flush.ms', '12345678'), await valueNow('flush.ms')]).toEqual([0, '3600000'])
})

test('are listed by what has them', async () => {
  const list = async (version: number, ...resourceTypes: number[]) => {
    const answer = await gateway.ask(ListConfigResources, version, { resourceTypes })
    return [answer.errorCode, answer.configResources.map(({ resourceName }) => resourceName)]
  }
  expect(await list(0)).toEqual([0, []])
  expect(await list(1)).toEqual([0, ['tides', '1', '1']])
  expect(await list(1, TOPIC)).toEqual([0, ['tides']])
  expect(await list(1, 77)).toEqual([35, []])
})
