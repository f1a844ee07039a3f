import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AddressOptions,
  chooseAddress,
  DEFAULT_BROKER_URL,
} from '../../../src/cli/address/broker-address.ts'
import { parseStackOutputs } from '../../../src/cli/address/stack-outputs.ts'
import { UsageError } from '../../../src/cli/output/failure.ts'

const STACK = {
  ApiUrl: 'https://abc.execute-api.eu-west-1.amazonaws.com/',
  TableName: 'tidemark-table',
  BucketName: 'tidemark-bucket',
  Region: 'eu-west-1',
}

test('options name the broker before variables do', () => {
  const environment = { TIDEMARK_BROKER: 'http://variable:1', TIDEMARK_TOKEN: 'secret' }
  expect(chooseAddress({}, {})).toMatchObject({ url: DEFAULT_BROKER_URL, token: null })
  expect(chooseAddress({}, environment)).toMatchObject({ url: 'http://variable:1', token: 'secret' })
  expect(chooseAddress({ broker: 'https://option/', token: 't' }, environment)).toMatchObject({
    url: 'https://option',
    token: 't',
  })
  expect(chooseAddress({ broker: 'localhost:8082' }, {})).toMatchObject({ url: 'http://localhost:8082' })
  expect(chooseAddress({ dir: 'd' }, environment)).toEqual({ directory: 'd' })
  for (const token of ['', 'two words', 'größe']) {
    expect(() => chooseAddress({ token }, {})).toThrow(UsageError)
  }
  expect(() => chooseAddress({ broker: 'http://' }, {})).toThrow(UsageError)
})

test.each([
  ['ftp://x', 'it is asked over http or https, and not over ftp'],
  ['kafka://x:9092', 'and not over kafka'],
  ['http://me:secret@x', 'carries no user and password: give --token'],
  ['me:secret@x:8082', 'carries no user and password'],
  ['http://x/?a=1', "ends before '?a=1'"],
])('%s is no broker', (broker, message) => {
  expect(() => chooseAddress({ broker }, {})).toThrow(message)
  expect(() => chooseAddress({}, { TIDEMARK_BROKER: broker })).toThrow(UsageError)
})

describe('requests are signed', () => {
  const signing = (options: AddressOptions, environment: NodeJS.ProcessEnv = {}) => {
    const { url, ...address } = chooseAddress(options, environment) as { url: string }
    return address
  }

  test('by what the host is, unless there is a token', () => {
    const broker = 'https://abc.execute-api.eu-west-1.amazonaws.com'
    expect(signing({ broker })).toEqual({ token: null, signing: 'by-host', region: null })
    expect(signing({ broker, token: 't' })).toEqual({ token: 't', signing: 'never', region: null })
    expect(signing({ broker }, { TIDEMARK_TOKEN: 't' })).toEqual({
      token: 't',
      signing: 'never',
      region: null,
    })
  })

  test('always with --sigv4, whatever the token in the environment', () => {
    const broker = 'https://events.example.com'
    const environment = { TIDEMARK_TOKEN: 't', AWS_REGION: 'us-east-1' }
    expect(signing({ broker, sigv4: true, region: 'eu-west-1' }, environment)).toEqual({
      token: null,
      signing: 'always',
      region: 'eu-west-1',
    })
    expect(signing({ broker, sigv4: true }, environment)).toMatchObject({ region: 'us-east-1' })
    expect(signing({ broker, sigv4: true }, { AWS_DEFAULT_REGION: 'us-west-2' })).toMatchObject({
      region: 'us-west-2',
    })
  })
})

test('a store on AWS is named by options, then by variables', () => {
  const environment = { TIDEMARK_TABLE: 'vt', TIDEMARK_BUCKET: 'vb', TIDEMARK_BROKER: 'http://variable:1' }
  expect(chooseAddress({ aws: true }, environment)).toEqual({
    table: 'vt',
    bucket: 'vb',
    region: null,
    endpoint: null,
  })
  const options = { aws: true, table: 't', region: 'eu-west-1', endpoint: 'http://127.0.0.1:4566' }
  expect(chooseAddress(options, environment)).toEqual({
    table: 't',
    bucket: 'vb',
    region: 'eu-west-1',
    endpoint: 'http://127.0.0.1:4566',
  })
})

describe("a stack's outputs", () => {
  let directory: string
  let outputs: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tidemark-outputs-'))
    outputs = join(directory, 'outputs.json')
    writeFileSync(outputs, JSON.stringify({ Other: { Url: 'x' }, Tidemark: STACK }))
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  test('name the broker', () => {
    const environment = { TIDEMARK_BROKER: 'http://variable:1' }
    expect(chooseAddress({ outputs }, environment)).toEqual({
      url: 'https://abc.execute-api.eu-west-1.amazonaws.com',
      token: null,
      signing: 'by-host',
      region: 'eu-west-1',
    })
  })

  test('with --aws name the store, after options and before variables', () => {
    const environment = { TIDEMARK_TABLE: 'vt', TIDEMARK_BUCKET: 'vb' }
    expect(chooseAddress({ aws: true, outputs, bucket: 'b' }, environment)).toEqual({
      table: 'tidemark-table',
      bucket: 'b',
      region: 'eu-west-1',
      endpoint: null,
    })
  })

  test('of a stack without an API can only be opened', () => {
    const { ApiUrl: _, ...store } = STACK
    writeFileSync(outputs, JSON.stringify({ Tidemark: store }))
    expect(() => chooseAddress({ outputs }, {})).toThrow('tells no ApiUrl')
    expect(chooseAddress({ aws: true, outputs }, {})).toMatchObject({ table: 'tidemark-table' })
  })

  test.each([
    ['nothing', 'is not JSON'],
    ['null', 'holds no outputs of a Tidemark stack'],
    ['{"Other":{"Url":"x"},"Empty":null}', 'holds no outputs of a Tidemark stack'],
    [JSON.stringify({ One: STACK, Two: STACK }), 'holds several stacks, One and Two'],
  ])('%s is refused', (text, problem) => {
    expect(() => parseStackOutputs(text, 'outputs.json')).toThrow(problem)
    expect(() => parseStackOutputs(text, 'outputs.json')).toThrow(UsageError)
  })
})
