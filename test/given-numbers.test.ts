import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stack } from 'aws-cdk-lib'
import { Code, Function as LambdaFunction, Runtime, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TidemarkBroker, TidemarkEventSource, type TidemarkEventSourceProps, Topic } from '../infra/index.ts'
import { run } from '../src/cli/main.ts'
import { toWholeNumber } from '../src/core/numbers.ts'
import { checkConfigs } from '../src/core/topic/topic-config.ts'
import { checkTriggerSettings } from '../src/core/trigger/settings.ts'
import type { TriggerSettings } from '../src/core/trigger/trigger.ts'
import { openInMemory, Tidemark } from '../src/index.ts'
import { fakeTerminal } from './cli/fake-terminal.ts'
import { type Served, serveBroker } from './contract/http/served-broker.ts'
import { BUNDLES, synthesize } from './infra/synthesis.ts'

/**
 * Every place that takes a number or a time from a person or a program: what is right is taken, and all else is refused
 * with the same words. A place answers with what was said to whoever gave the number; undefined where it was taken.
 */
type Place = (given: never) => Promise<string | undefined>

/** Whole numbers that are written in other ways, or that doubles lose. */
const WRONG_TEXTS = [
  '9007199254740993',
  '18446744073709551616',
  '1e3',
  '0x10',
  '+5',
  '5.0',
  '5 ',
  ' 5',
  '５',
  '٥',
  'five',
  '1_000',
  '1,000',
]
const WRONG_NUMBERS = [9_007_199_254_740_992, 1.5, Number.NaN, -5, '5', '1e3', true, {}]
/** No days, no times, of the future, and units that are mistaken by a thousand. */
const WRONG_TIMES = [
  '2026-02-30',
  '2025-02-29T12:00:00Z',
  '2026-04-31',
  '2024-01-01T25:00:00Z',
  '2024-1-1',
  '1704067200e3',
]
const WRONG_STARTS = ['2099-01-01T00:00:00Z', '@4070908800000', '@1704067200', '@1704067200000000']
const WRONG_START_NUMBERS = [4_070_908_800_000, 1_704_067_200, 1_704_067_200_000_000]

let folder: string
let served: Served
let tidemark: Tidemark

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-numbers-'))
  writeFileSync(join(folder, 'handler.mjs'), 'export const handler = () => {}\n')
  served = await serveBroker()
  await served.broker.createTopic({ topic: 'tides' })
  const { broker } = openInMemory()
  await broker.createTopic({ topic: 'tides' })
  tidemark = new Tidemark({ broker })
  const messages = Array.from({ length: 9 }, () => ({ value: 'x' }))
  await tidemark.producer().send({ topic: 'tides', messages })
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await served.close()
})

/** Every line names two brokers, which is told only when all that was given is right. */
const line =
  (...words: string[]) =>
  async (given: string) => {
    const terminal = fakeTerminal()
    const exitCode = await run(
      [...words.map(word => word.replace('GIVEN', given)), '--broker', 'http://127.0.0.1:9', '--dir', folder],
      terminal,
      {},
    )
    return terminal.noted().includes('name two brokers') ? undefined : `${exitCode} ${terminal.noted()}`
  }

const dev = (option: string) => async (given: string) => {
  const terminal = fakeTerminal()
  // Serves nothing: the address is no address, and is told only if all else is right.
  const on = `tides=${join(folder, 'handler.mjs')},${option}=${given}`
  await run(['dev', '--on', on, '--http', 'nowhere'], terminal, {})
  return terminal.noted().includes("'nowhere' is no address") ? undefined : terminal.noted()
}

const request =
  (method: string, path: string, body?: (given: unknown) => string) => async (given: unknown) => {
    const at = path.replace('GIVEN', encodeURIComponent(String(given)))
    const answer = await served.send(
      method,
      at,
      body?.(given),
      body && { 'content-type': 'application/json' },
    )
    // Not there, and beyond the end: it was read.
    return answer.status >= 400 && answer.status !== 404 && answer.status !== 416
      ? JSON.stringify(answer.json)
      : undefined
  }

const thrown =
  (act: (given: never) => unknown): Place =>
  async given => {
    try {
      await act(given)
    } catch (error) {
      return (error as Error).message
    }
    return undefined
  }

const setting = (name: keyof TriggerSettings) =>
  thrown((given: unknown) => checkTriggerSettings({ [name]: given } as Partial<TriggerSettings>, Date.now()))

const eventSource = (props: (given: number) => Partial<TidemarkEventSourceProps>) =>
  thrown((given: number) =>
    synthesize((stack: Stack) => {
      new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, production: false })
      const topic = new Topic(stack, 'orders')
      const handler = new LambdaFunction(stack, 'Handler', {
        runtime: Runtime.NODEJS_24_X,
        handler: 'index.handler',
        code: Code.fromInline('exports.handler = async () => {}'),
      })
      handler.addEventSource(
        new TidemarkEventSource(topic, { startingPosition: StartingPosition.LATEST, ...props(given) }),
      )
    }),
  )

const partitions = (given: unknown) =>
  thrown(() =>
    synthesize((stack: Stack) => {
      new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, production: false })
      new Topic(stack, 'orders', { partitions: given as number })
    }),
  )(undefined as never)

const producer = (name: string) => thrown((given: unknown) => tidemark.producer({ [name]: given }))
const consumer = (name: string) =>
  thrown((given: unknown) => tidemark.consumer({ groupId: 'g', [name]: given }))
const running = (name: string) =>
  thrown(async (given: unknown) => {
    const reader = tidemark.consumer({ groupId: 'g' })
    await reader.subscribe({ topics: ['tides'] })
    await reader.run({ eachMessage: async () => {}, [name]: given })
    await reader.disconnect()
  })
const subscribing = (name: string) =>
  thrown((given: unknown) =>
    tidemark.consumer({ groupId: 'g' }).subscribe({ topics: ['tides'], from: { [name]: given } as never }),
  )

const TEXTS: [string, (given: string) => Promise<string | undefined>][] = [
  ['topic create --partitions', line('topic', 'create', 'tides', '--partitions', 'GIVEN')],
  ['topic alter --partitions', line('topic', 'alter', 'tides', '--partitions', 'GIVEN')],
  ['produce --partition', line('produce', 'tides', '/nowhere/at/all', '--partition', 'GIVEN')],
  ['produce --batch-records', line('produce', 'tides', '/nowhere/at/all', '--batch-records', 'GIVEN')],
  ['consume --partition', line('consume', 'tides', '--partition', 'GIVEN')],
  ['consume --max-records', line('consume', 'tides', '--max-records', 'GIVEN')],
  ['delete-records --partition', line('delete-records', 'tides', '--partition', 'GIVEN', '--before', '5')],
  ['delete-records --before', line('delete-records', 'tides', '--before', 'GIVEN', '--partition', '0')],
  ['group reset --topic', line('group', 'reset', 'g', '--to', 'latest', '--topic', 'tides:GIVEN')],
  ['dev --on batch-size', dev('batch-size')],
  ['dev --on parallelism', dev('parallelism')],
  ['dev --on retries', dev('retries')],
  ['a partition in a URL', request('GET', '/topics/tides/partitions/GIVEN/offsets?at=latest')],
  ['an offset in a URL', request('GET', '/topics/tides/partitions/0/records?offset=GIVEN')],
  ['a wait in a URL', request('GET', '/topics/tides/partitions/0/records?offset=0&maxWaitMs=GIVEN')],
  ['a topic config', thrown((given: string) => checkConfigs({ 'retention.ms': given })) as never],
  [
    "a message's timestamp",
    thrown((given: string) =>
      tidemark.producer().send({ topic: 'tides', messages: [{ value: 'x', timestamp: given }] }),
    ) as never,
  ],
  [
    'assign',
    thrown((offset: string) =>
      tidemark.consumer().assign([{ topic: 'tides', partition: 0, offset }]),
    ) as never,
  ],
  [
    'seek',
    thrown((offset: string) =>
      tidemark.consumer({ groupId: 'g' }).seek({ topic: 'tides', partition: 0, offset }),
    ) as never,
  ],
  [
    'stopOffsets',
    thrown(async (offset: string) => {
      const reader = tidemark.consumer({ groupId: 'g' })
      await reader.subscribe({ topics: ['tides'] })
      await reader.run({
        eachMessage: async () => {},
        stopOffsets: [{ topic: 'tides', partition: 0, offset }],
      })
      await reader.disconnect()
    }) as never,
  ],
  [
    'setOffsets',
    thrown((offset: string) =>
      tidemark
        .admin()
        .setOffsets({ groupId: 'other', topic: 'tides', partitions: [{ partition: 0, offset }] }),
    ) as never,
  ],
  [
    'deleteTopicRecords',
    thrown((offset: string) =>
      tidemark.admin().deleteTopicRecords({ topic: 'tides', partitions: [{ partition: 0, offset }] }),
    ) as never,
  ],
]

const NUMBERS: [string, Place, right: number][] = [
  [
    'partitions of a topic',
    thrown((given: number) => openInMemory().broker.createTopic({ topic: 'new', partitions: given })),
    5,
  ],
  ['partitions of a construct', partitions, 5],
  ["a trigger's batchSize", setting('batchSize'), 5],
  ["a trigger's maxBatchingWindowMs", setting('maxBatchingWindowMs'), 5],
  ["a trigger's parallelism", setting('parallelism'), 5],
  ["a trigger's retryAttempts", setting('retryAttempts'), 5],
  ["a trigger's maxRecordAgeMs", setting('maxRecordAgeMs'), 5_000],
  ["a trigger's callTimeoutMs", setting('callTimeoutMs'), 5],
  ['batchSize of a construct', eventSource(batchSize => ({ batchSize })), 5],
  ['parallelism of a construct', eventSource(parallelism => ({ parallelism })), 5],
  ['retryAttempts of a construct', eventSource(retryAttempts => ({ retryAttempts })), 5],
  ...['lingerMs', 'batchBytes', 'pendingBytesMax', 'metadataMaxAge'].map((name): [string, Place, number] => [
    `${name} of a producer`,
    producer(name),
    5,
  ]),
  ...['deliveryTimeoutMs', 'requestTimeout'].map((name): [string, Place, number] => [
    `${name} of a producer`,
    producer(name),
    5_000,
  ]),
  ...[
    'sessionTimeout',
    'heartbeatInterval',
    'maxBytesPerPartition',
    'minBytes',
    'maxBytes',
    'maxRecords',
  ].map((name): [string, Place, number] => [`${name} of a consumer`, consumer(name), 5]),
  ...['maxWaitTimeInMs', 'maxInFlightRequests', 'giveUpAfter', 'metadataMaxAge', 'requestTimeout'].map(
    (name): [string, Place, number] => [`${name} of a consumer`, consumer(name), 5],
  ),
  ...['recordsMax', 'autoCommitInterval', 'autoCommitThreshold', 'partitionsConsumedConcurrently'].map(
    (name): [string, Place, number] => [`${name} of a run`, running(name), 5],
  ),
  ['from an offset', subscribing('offset'), 5],
  ['from so many before the end', subscribing('fromEnd'), 5],
]

const BODIES: [string, (given: unknown) => Promise<string | undefined>][] = [
  [
    'partitions in a body',
    request('POST', '/topics', given => `{"topic":"t${Math.random()}","partitions":${given}}`),
  ],
  [
    'a timestamp in a body',
    request('POST', '/topics/tides/records', given => `{"records":[{"value":"x","timestampMs":${given}}]}`),
  ],
]

describe.each(TEXTS)('%s', (name, place) => {
  test('takes decimal digits', async () => {
    expect(await place('5')).toBeUndefined()
  })

  // Options of a trigger are apart by commas.
  test.each(WRONG_TEXTS.filter(given => !name.startsWith('dev') || !given.includes(',')))(
    'refuses %j',
    async given => {
      expect(await place(given)).toMatch(/a whole number (of \w+ )?from -?\d+ /)
    },
  )
})

describe.each(NUMBERS)('%s', (_, place, right) => {
  test('takes a whole number', async () => {
    expect(await place(right as never)).toBeUndefined()
  })

  test.each(WRONG_NUMBERS.map(given => [given]))('refuses %j', async given => {
    expect(await place(given as never)).toMatch(/a whole number (of [a-z ]+ )?from -?\d+ /)
  })
})

describe.each(BODIES)('%s', (_, place) => {
  test.each(['5', '5.0', '5e0', '50e-1'])('takes %s: in JSON it is five', async given => {
    expect(await place(given)).toBeUndefined()
  })

  test.each(['9007199254740993', '1e400', '1.5', '-5', '"5"', 'true', '{}'])('refuses %s', async given => {
    expect(await place(given)).toMatch(/a whole number (of partitions )?from \d+ /)
  })
})

const TIME_TEXTS: [string, (given: string) => Promise<string | undefined>][] = [
  ['consume --from', line('consume', 'tides', '--from', 'GIVEN')],
  ['group reset --to', line('group', 'reset', 'g', '--to', 'GIVEN', '--topic', 'tides')],
  ['offsets --at', line('offsets', 'tides', '--at', 'GIVEN')],
  ['dev --on from', dev('from')],
]

describe.each(TIME_TEXTS)('%s', (_, place) => {
  test.each(['2024-02-29', '2024-01-01T12:00:00Z', '@1704067200000'])('takes %s', async given => {
    expect(await place(given)).toBeUndefined()
  })

  test.each([...WRONG_TIMES, ...WRONG_STARTS, '@9007199254740993', '@1e3', '@+5', '@5.0', '@５'])(
    'refuses %s',
    async given => {
      expect(await place(given)).toContain(`'${given}'`)
    },
  )

  test.each(WRONG_STARTS)('says what is wrong with %s', async given => {
    expect(await place(given)).toMatch(/in the future|looks like seconds/)
  })
})

describe('a time in a URL', () => {
  const place = request('GET', '/topics/tides/partitions/0/offsets?at=GIVEN')

  test.each(['2024-02-29T00:00:00Z', '1704067200000', '4070908800000'])('may be %s', async given => {
    expect(await place(given)).toBeUndefined()
  })

  test.each([...WRONG_TEXTS, ...WRONG_TIMES])('may not be %s', async given => {
    expect(await place(given)).toContain(
      'must be earliest, latest, max-timestamp, milliseconds since 1970, or a time such as',
    )
  })
})

const START_NUMBERS: [string, Place][] = [
  [
    "a trigger's startingPosition",
    thrown((timestampMs: number) => checkTriggerSettings({ startingPosition: { timestampMs } }, Date.now())),
  ],
  ['subscribe from a time', subscribing('timestampMs')],
]

describe.each(START_NUMBERS)('%s', (_, place) => {
  test.each([0, 8_000, 1_704_067_200_000])('takes %d', async given => {
    expect(await place(given as never)).toBeUndefined()
  })

  test.each(WRONG_START_NUMBERS)('refuses %d', async given => {
    expect(await place(given as never)).toMatch(/in the future|looks like seconds/)
  })

  test.each([1.5, -1, '1704067200000', Number.NaN].map(given => [given]))('refuses %j', async given => {
    expect(await place(given as never)).toMatch(/milliseconds/)
  })
})

describe('startingPositionTimestamp of a construct', () => {
  const place = eventSource(startingPositionTimestamp => ({
    startingPosition: StartingPosition.AT_TIMESTAMP,
    startingPositionTimestamp,
  })) as (given: number) => Promise<string | undefined>

  test('is in seconds', async () => {
    expect(await place(1_704_067_200)).toBeUndefined()
    expect(await place(1_704_067_200_000)).toContain(
      'in the future, and looks like milliseconds: give seconds since 1970',
    )
    expect(await place(4_070_908_800)).toContain('is 2099-01-01T00:00:00.000Z, in the future')
    expect(await place(1_704_067_200.5)).toBeUndefined()
    expect(await place(-1)).toContain('is not a whole number of milliseconds')
  })
})

test('what is no whole number', () => {
  expect(
    [5, '5', '007', Number.MAX_SAFE_INTEGER, '9007199254740991'].map(given => toWholeNumber(given)),
  ).toEqual([5, 5, 7, 9_007_199_254_740_991, 9_007_199_254_740_991])
  expect(
    [...WRONG_TEXTS, '', '-1', 5n, null, undefined, [5], 1.5].map(given => toWholeNumber(given)),
  ).toEqual(Array.from({ length: WRONG_TEXTS.length + 7 }, () => undefined))
  expect([
    toWholeNumber('-1', { min: -1 }),
    toWholeNumber(-2, { min: -1 }),
    toWholeNumber(6, { max: 5 }),
  ]).toEqual([-1, undefined, undefined])
})
