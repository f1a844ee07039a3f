import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { awsEndpoint, describeAws } from '../aws/endpoints.ts'
import { createTestBucket, createTestTable } from '../aws/tables.ts'
import { throughKafka } from './through-kafka.ts'
import { runTidemark, startGatewayProcess } from './tidemark-process.ts'

const NO_CREDENTIALS = {
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
  AWS_SESSION_TOKEN: '',
  AWS_PROFILE: '',
  AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials',
  AWS_CONFIG_FILE: '/nowhere/config',
  AWS_EC2_METADATA_DISABLED: 'true',
}

describeAws('the command line on S3 and DynamoDB', () => {
  let table: Awaited<ReturnType<typeof createTestTable>>
  let bucket: Awaited<ReturnType<typeof createTestBucket>>
  let directory: string
  let outputs: string
  beforeAll(async () => {
    table = await createTestTable(awsEndpoint())
    bucket = await createTestBucket(awsEndpoint())
    directory = await mkdtemp(join(tmpdir(), 'tidemark-outputs-'))
    outputs = join(directory, 'outputs.json')
    const stack = { TableName: table.table, BucketName: bucket.bucket, Region: 'us-east-1' }
    writeFileSync(outputs, JSON.stringify({ Tidemark: stack }))
  })
  afterAll(async () => {
    await table.remove()
    await bucket.remove()
    await rm(directory, { recursive: true })
  })

  const store = () => [
    '--aws',
    '--table',
    table.table,
    '--bucket',
    bucket.bucket,
    '--endpoint',
    awsEndpoint(),
  ]
  const lines = `${Array.from({ length: 5_000 }, (_, index) => `line ${index}`).join('\n')}\n`

  test('what one command writes another reads, and the store is sound', async () => {
    expect(await runTidemark([...store(), 'topic', 'create', 'tides'])).toMatchObject({ exitCode: 0 })
    const produced = await runTidemark([...store(), 'produce', 'tides'], { input: lines })
    expect(produced.stderr).toContain('wrote 5,000 records')
    expect(produced.exitCode).toBe(0)
    // The same store by the stack's outputs, and the endpoint by its variable.
    const environment = { AWS_ENDPOINT_URL: awsEndpoint() }
    const consumed = await runTidemark(['--aws', '--outputs', outputs, 'consume', 'tides', '--exit-at-end'], {
      environment,
    })
    expect(consumed.stderr).toBe('')
    expect(consumed.stdout.toString()).toBe(lines)
    const names = { TIDEMARK_TABLE: table.table, TIDEMARK_BUCKET: bucket.bucket }
    const verified = await runTidemark(['verify', '--aws'], { environment: { ...environment, ...names } })
    expect(verified.stderr).toContain('5,000 records')
    expect(verified.stderr).toContain('the store is sound')
    expect(verified.exitCode).toBe(0)
  })

  test('what has settled comes back when the table is lost', async () => {
    const maintained = await runTidemark([...store(), 'maintain', '--all'])
    expect(maintained).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/^rolled [1-9]/) })
    expect(await runTidemark([...store(), 'verify', '--deep'])).toMatchObject({ exitCode: 0 })
    expect((await runTidemark([...store(), 'inspect', 'tides', '0'])).stdout.toString()).toContain('rolled')
    const empty = await createTestTable(awsEndpoint())
    const anew = store().map(word => (word === table.table ? empty.table : word))
    // Somebody goes on with the new table before anybody has noticed: it is of no store that the bucket knows.
    expect(await runTidemark([...anew, 'topic', 'create', 'hasty'])).toMatchObject({ exitCode: 0 })
    const refused = await runTidemark([...anew, 'rebuild-index'])
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('delete them first') })
    await runTidemark([...anew, 'topic', 'delete', 'hasty'])
    const rebuilt = await runTidemark([...anew, 'rebuild-index'])
    expect(rebuilt).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('topic tides: 1 partition, 5,000 records'),
    })
    const consumed = await runTidemark([...anew, 'consume', 'tides', '--exit-at-end'])
    expect(consumed.stdout.toString()).toBe(lines)
    expect(await runTidemark([...anew, 'verify', '--deep'])).toMatchObject({ exitCode: 0 })
    await empty.remove()
  })

  test("Kafka's clients are served from it, by two gateways", async () => {
    const one = await startGatewayProcess([...store(), '--auto-create', '2'])
    const other = await startGatewayProcess(store())
    const values = Array.from({ length: 300 }, (_, index) => `tide ${1_000 + index}`)
    expect(await throughKafka(one.url, 'from-kafka', values)).toEqual(values)
    expect(await throughKafka(other.url, 'from-kafka', ['tide 2000'])).toEqual(['tide 2000'])
    expect(await one.end('SIGTERM')).toBe(0)
    expect(await other.end('SIGTERM')).toBe(0)
    const consumed = await runTidemark([...store(), 'consume', 'from-kafka', '--exit-at-end'])
    expect(consumed.stdout.toString().trimEnd().split('\n').sort()).toEqual([...values, 'tide 2000'])
    expect([one.stderr(), other.stderr()]).toEqual([
      expect.not.stringMatching(/failed|closed/),
      expect.not.stringMatching(/failed|closed/),
    ])
  })

  const bad: [string, () => string[], NodeJS.ProcessEnv, RegExp][] = [
    [
      'no such table',
      () => ['--table', 'no-such-table', '--bucket', bucket.bucket],
      {},
      /no table "no-such-table"/,
    ],
    [
      'no such bucket',
      () => ['--table', table.table, '--bucket', 'no-such-bucket'],
      {},
      /no bucket "no-such-bucket"/,
    ],
    [
      'no credentials',
      () => ['--table', table.table, '--bucket', bucket.bucket],
      NO_CREDENTIALS,
      /valid credentials/,
    ],
    [
      'no region',
      () => ['--table', table.table, '--bucket', bucket.bucket],
      { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined, AWS_CONFIG_FILE: '/nowhere/config' },
      /no region is known/,
    ],
    [
      'an empty region',
      () => ['--table', table.table, '--bucket', bucket.bucket],
      { AWS_REGION: '' },
      /no region is known/,
    ],
  ]
  test.each(bad)('%s is told in one line', async (_, names, environment, problem) => {
    const commandLine = ['--aws', '--endpoint', awsEndpoint(), ...names(), 'verify']
    const { exitCode, stdout, stderr } = await runTidemark(commandLine, { environment })
    expect(stderr).toMatch(problem)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(stdout.toString()).toBe('')
    expect(exitCode).toBe(1)
  })
})
