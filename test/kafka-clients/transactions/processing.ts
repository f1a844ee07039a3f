/**
 * Read-process-write under kills: numbers are sent to one topic, processes of a client library copy them to another one in
 * transactions that commit where they are, and gateways and processes are killed meanwhile. What comes out is what went in, each
 * number once: `node test/kafka-clients/transactions/processing.ts [--client java|confluent|sdk] [--seconds 120] [--seed N]`.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { seededRandom } from '../../cli/seeded-random.ts'
import { CLIENTS } from '../clients.ts'
import { Fleet } from '../fleet.ts'
import { COMMANDS } from '../installed.ts'
import { Processors } from './processors.ts'
import { TransactionalProgram } from './program.ts'

const PARTITIONS = 4
const SENT_AT_A_TIME = 100
/** A group takes seconds until it goes on without one that was killed. */
const CALM_MS = [3_000, 12_000] as const
const RESTART_AFTER_MS_MAX = 1_000
const COMMANDS_BY_NAME = {
  java: 'javaTransactions',
  confluent: 'confluentTransactions',
  sdk: 'sdkProcessing',
} as const
/** Against a hang. */
const FINISH_MS_MAX = 180_000

export interface ProcessingRun {
  readonly client: keyof typeof COMMANDS_BY_NAME
  readonly seconds: number
  readonly seed: number
  readonly report: (line: string) => void
}

export interface Processed {
  readonly sent: number
  /** Of what came out. */
  readonly count: number
  readonly sum: number
  /** Of what went in. */
  readonly expectedSum: number
}

export async function processUnderKills({
  client,
  seconds,
  seed,
  report,
}: ProcessingRun): Promise<Processed> {
  const random = seededRandom(seed)
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-processing-'))
  const fleet = await Fleet.start(2, ['--dir', directory], random)
  report(`seed ${seed}, ${directory}, ${fleet.bootstrap}`)
  const helper = await CLIENTS.kafkajs!(fleet.bootstrap.split(',')[0]!)
  const command = await COMMANDS.confluentTransactions()
  const programs = await Promise.all(
    ['writer', 'reader'].map(name => TransactionalProgram.start(name, command, fleet.bootstrap)),
  )
  const [writer, reader] = programs as [TransactionalProgram, TransactionalProgram]
  // The SDK's processes open the store themselves.
  const place = client === 'sdk' ? directory : fleet.bootstrap
  const processors = new Processors(await COMMANDS[COMMANDS_BY_NAME[client]](), place, {
    group: `group-${randomUUID()}`,
    from: 'in',
    to: 'out',
    each: 50,
  })
  try {
    for (const topic of ['in', 'out']) await helper.admin.createTopic(topic, PARTITIONS, {})
    const names = ['first', 'second']
    for (const name of names) await processors.start(name)
    const ending = new AbortController()
    const sending = send(writer, ending.signal)
    for (const endMs = performance.now() + seconds * 1_000; performance.now() < endMs; ) {
      await sleep(CALM_MS[0] + (CALM_MS[1] - CALM_MS[0]) * random())
      const what = random() < 0.5 ? fleet.killOne(RESTART_AFTER_MS_MAX * random()) : killAny(names)
      report(`${processors.processed} processed; ${await what}`)
    }
    ending.abort()
    const sent = await sending
    report(
      `${sent} were sent; ${processors.processed} processed, ${processors.restarts} processes could not go on`,
    )
    await reader.assign('out', PARTITIONS)
    let [count, sum] = [0, 0]
    const poll = async () => {
      for (const { value } of await reader.poll(1_000)) {
        count += 1
        sum += Number(value)
      }
    }
    for (const untilMs = performance.now() + FINISH_MS_MAX; count < sent && performance.now() < untilMs; )
      await poll()
    // And what should not be there.
    for (let more = 0; more < 3; more++) await poll()
    const expectedSum = (sent * (sent - 1)) / 2
    if (count === sent && sum === expectedSum) {
      await fleet.end()
      await rm(directory, { recursive: true })
    }
    return { sent, count, sum, expectedSum }
  } finally {
    await processors.end()
    await Promise.all(programs.map(program => program.kill()))
    await helper.close()
    await fleet.end()
  }

  async function killAny(names: readonly string[]): Promise<string> {
    const name = names[Math.floor(random() * names.length)]!
    await processors.kill(name)
    await sleep(RESTART_AFTER_MS_MAX * random())
    await processors.start(name)
    return `the ${name} process was killed`
  }
}

/** Numbers from 0 on, in transactions, so that it is known of each whether it was sent. @returns how many */
async function send(writer: TransactionalProgram, signal: AbortSignal): Promise<number> {
  const id = `writes-${randomUUID()}`
  let [sent, isUnknown] = [0, false]
  let producer: Awaited<ReturnType<TransactionalProgram['open']>> | undefined
  while (!signal.aborted || isUnknown) {
    try {
      producer ??= await writer.open(id, 30_000)
      if (isUnknown) {
        // Whoever takes the id over has what was decided finished: so the topic says how it ended.
        await writer.assign('in', PARTITIONS)
        let found = 0
        for (let empty = 0; empty < 3; ) {
          const polled = await writer.poll(1_000)
          found += polled.length
          empty = polled.length === 0 ? empty + 1 : 0
        }
        sent = found
        isUnknown = false
        continue
      }
      await producer.begin()
      const records = Array.from({ length: SENT_AT_A_TIME }, (_, index) => sent + index)
      await producer.send(
        'in',
        records.map(number => [number % PARTITIONS, String(number)] as const),
      )
      isUnknown = true
      await producer.commit()
      isUnknown = false
      sent += records.length
    } catch {
      producer = undefined
    }
    await sleep(50)
  }
  return sent
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      client: { type: 'string', default: 'java' },
      seconds: { type: 'string', default: '120' },
      seed: { type: 'string' },
    },
  })
  const { sent, count, sum, expectedSum } = await processUnderKills({
    client: (['java', 'confluent', 'sdk'] as const).find(name => name === values.client) ?? 'java',
    seconds: Number(values.seconds),
    seed: Number(values.seed ?? Date.now() % 1_000_000),
    report: console.log,
  })
  const isRight = count === sent && sum === expectedSum
  console.log(
    `in: ${sent}, sum ${expectedSum}; out: ${count}, sum ${sum}: ${isRight ? 'the same' : 'NOT THE SAME'}`,
  )
  process.exitCode = isRight ? 0 : 1
}

if (import.meta.main) await main()
