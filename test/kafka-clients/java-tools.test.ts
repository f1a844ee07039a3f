/** Kafka's own command lines, one after the other over one topic, as somebody would type them. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from './broker.ts'
import { COMMANDS, javaTool } from './installed.ts'
import { TransactionalProgram } from './transactions/program.ts'

const TOPIC = 'tools'
const RUN_MS_MAX = 60_000
const folder = mkdtempSync(join(tmpdir(), 'tidemark-tools-'))
let broker: Broker
let missing: string | undefined

beforeAll(async () => {
  broker = await startBroker()
  try {
    javaTool('TopicCommand')
  } catch (error) {
    if (process.env.CI) throw error
    missing = (error as Error).message
    console.error(`\n!!!!! KAFKA'S TOOLS ARE SKIPPED, NOT TESTED: ${missing}\n`)
  }
}, 600_000)
afterAll(async () => {
  await broker?.stop()
  rmSync(folder, { recursive: true })
})

/** What it prints, when it ends well; what it says, when it does not. */
function tool(name: string, args: readonly string[], input = ''): Promise<string> {
  const { command, args: before } = javaTool(name)
  return new Promise((resolve, reject) => {
    const all = [...before, '--bootstrap-server', broker.bootstrap, ...args]
    const child = execFile(command, all, { timeout: RUN_MS_MAX }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${name}: ${stdout}${stderr}`))
    })
    child.stdin!.end(input)
  })
}

/** Each needs what those before it have left. */
describe("Kafka's tools", { timeout: RUN_MS_MAX * 2 }, () => {
  test('kafka-topics makes a topic, and tells of it', async ({ skip }) => {
    if (missing !== undefined) skip(missing)
    const made = ['--create', '--topic', TOPIC, '--partitions', '2', '--config', 'retention.ms=1234567']
    expect(await tool('TopicCommand', made)).toContain(`Created topic ${TOPIC}.`)
    await expect(tool('TopicCommand', made)).rejects.toThrow(/already/)
    expect(await tool('TopicCommand', ['--list'])).toMatch(/^tools$/m)
    const described = await tool('TopicCommand', ['--describe', '--topic', TOPIC])
    expect(described).toMatch(/PartitionCount: 2\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=1234567/)
    expect(described).toMatch(/Partition: 1\s+Leader: 1\s+Replicas: 1\s+Isr: 1/)
    await tool('TopicCommand', ['--alter', '--topic', TOPIC, '--partitions', '3'])
    expect(await tool('TopicCommand', ['--describe', '--topic', TOPIC])).toContain('PartitionCount: 3')
  })

  test('kafka-configs changes its configs', async ({ skip }) => {
    if (missing !== undefined) skip(missing)
    const entity = ['--entity-type', 'topics', '--entity-name', TOPIC]
    await tool('ConfigCommand', [...entity, '--alter', '--add-config', 'cleanup.policy=[compact,delete]'])
    await tool('ConfigCommand', [...entity, '--alter', '--delete-config', 'retention.ms'])
    const described = await tool('ConfigCommand', [...entity, '--describe'])
    expect(described).toMatch(
      /cleanup\.policy=compact,delete .*DYNAMIC_TOPIC_CONFIG:cleanup\.policy=compact,delete/,
    )
    expect(described).not.toContain('retention.ms=')
    const refused = tool('ConfigCommand', [...entity, '--alter', '--add-config', 'retention.ms=long'])
    await expect(refused).rejects.toThrow(/InvalidConfigurationException|Invalid value long/)
  })

  test('kafka-console-producer and kafka-console-consumer', async ({ skip }) => {
    if (missing !== undefined) skip(missing)
    const lines = Array.from({ length: 100 }, (_, index) => `h:${index}|key-${index}|value-${index}`)
    const parse = ['parse.headers=true', 'parse.key=true', 'headers.delimiter=|', 'key.separator=|']
    const properties = parse.flatMap(one => ['--reader-property', one])
    await tool(
      'ConsoleProducer',
      ['--topic', TOPIC, '--compression-codec', 'zstd', ...properties],
      lines.join('\n'),
    )
    const print = ['print.headers=true', 'print.key=true', 'headers.separator=|', 'key.separator=|']
    const shown = print.flatMap(one => ['--formatter-property', one])
    const group = ['--group', 'tools', '--max-messages', '100', '--timeout-ms', '20000']
    const read = await tool('consumer.ConsoleConsumer', [
      '--topic',
      TOPIC,
      '--from-beginning',
      ...group,
      ...shown,
    ])
    expect(read.split('\n').filter(Boolean).toSorted()).toEqual(lines.toSorted())
  })

  test('kafka-get-offsets tells its ends', async ({ skip }) => {
    if (missing !== undefined) skip(missing)
    const offsets = async (time: string) => {
      const told = await tool('GetOffsetShell', ['--topic', TOPIC, '--time', time])
      return told
        .split('\n')
        .filter(Boolean)
        .map(line => Number(line.split(':')[2]))
    }
    expect((await offsets('-1')).reduce((sum, end) => sum + end)).toBe(100)
    expect(await offsets('-2')).toEqual([0, 0, 0])
    // Of each partition its record with the greatest time.
    expect((await offsets('-3')).every(offset => offset >= 0)).toBe(true)
  })

  test('kafka-consumer-groups tells of a group, moves it and deletes it', async ({ skip }) => {
    if (missing !== undefined) skip(missing)
    const group = ['--group', 'tools']
    expect(await tool('consumer.group.ConsumerGroupCommand', ['--list'])).toMatch(/^tools$/m)
    const described = await tool('consumer.group.ConsumerGroupCommand', ['--describe', ...group])
    const lags = Array.from(described.matchAll(/^tools\s+tools\s+\d\s+\d+\s+\d+\s+(\d+)/gm), ([, lag]) =>
      Number(lag),
    )
    expect(lags).toEqual([0, 0, 0])
    const state = await tool('consumer.group.ConsumerGroupCommand', ['--describe', '--state', ...group])
    expect(state).toMatch(/^tools .*Empty\s+0/m)
    const reset = ['--reset-offsets', '--to-earliest', '--topic', TOPIC, '--execute']
    expect(await tool('consumer.group.ConsumerGroupCommand', [...reset, ...group])).toMatch(
      /^tools\s+tools\s+2\s+0/m,
    )
    const deleted = await tool('consumer.group.ConsumerGroupCommand', ['--delete', ...group])
    expect(deleted).toContain('was successful')
    expect(await tool('consumer.group.ConsumerGroupCommand', ['--list'])).not.toMatch(/^tools$/m)
  })

  test('kafka-delete-records deletes what is before an offset', async ({ skip }) => {
    if (missing !== undefined) skip(missing)
    const file = join(folder, 'before.json')
    writeFileSync(
      file,
      JSON.stringify({ version: 1, partitions: [{ topic: TOPIC, partition: 0, offset: 3 }] }),
    )
    const deleted = await tool('DeleteRecordsCommand', ['--offset-json-file', file])
    expect(deleted).toMatch(/partition: tools-0\s+low_watermark: 3/)
    expect(await tool('GetOffsetShell', ['--topic', TOPIC, '--time', '-2'])).toContain('tools:0:3')
  })

  test('kafka-topics deletes it', async ({ skip }) => {
    if (missing !== undefined) skip(missing)
    await tool('TopicCommand', ['--delete', '--topic', TOPIC])
    expect(await tool('TopicCommand', ['--list'])).not.toMatch(/^tools$/m)
  })

  test('kafka-transactions tells of one that is open', async ({ skip }) => {
    if (missing !== undefined) skip(missing)
    const topic = 'tools-transactions'
    await tool('TopicCommand', ['--create', '--topic', topic, '--partitions', '1'])
    const command = await COMMANDS.javaTransactions()
    const program = await TransactionalProgram.start('java', command, broker.bootstrap)
    try {
      const producer = await program.open('tools-open', 60_000)
      await producer.begin()
      await producer.send(topic, [[0, 'a']])
      expect(await tool('TransactionsCommand', ['list'])).toMatch(/^tools-open\s+1\s+\d+\s+Ongoing\s*$/m)
      const ofOthers = await tool('TransactionsCommand', ['list', '--transactional-id-pattern', 'others.*'])
      expect(ofOthers).not.toContain('tools-open')
      const described = await tool('TransactionsCommand', ['describe', '--transactional-id', 'tools-open'])
      expect(described).toMatch(/Ongoing.*60000.*tools-transactions-0/)
      expect(await tool('TransactionsCommand', ['find-hanging', '--broker-id', '1'])).not.toContain(
        'tools-open',
      )
      await producer.commit()
      const committed = await tool('TransactionsCommand', ['describe', '--transactional-id', 'tools-open'])
      expect(committed).toContain('CompleteCommit')
      const producers = ['describe-producers', '--topic', topic, '--partition', '0']
      // Nothing open begins in a partition.
      expect(await tool('TransactionsCommand', producers)).toMatch(/^\d+\s+0\s+-?\d+\s+0\s+\d+\s+None\s*$/m)
    } finally {
      await program.kill()
    }
  })
})
