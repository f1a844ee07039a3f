import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeBatch } from '../src/core/record/index.ts'
import { type Embedded, openEmbedded } from '../src/embedded/embedded.ts'
import { runFileTriggers } from '../src/embedded/triggers/run-file-triggers.ts'
import { runTriggers } from '../src/embedded/triggers/run-triggers.ts'

const WARM_UP_RECORDS = 20
const PAUSE_MS = 20
const ARRIVAL_MS_MAX = 60_000

/** Its answer says when it began, by a clock that all processes of a machine share. */
const HANDLER = `export const handler = async event => {
  const begun = process.hrtime.bigint()
  const [records] = Object.values(event.records)
  return { begun: String(begun), offsets: records.map(({ offset }) => offset) }
}`

/** What was measured with each record, in milliseconds. */
export interface LocalLatency {
  readonly what: string
  readonly latenciesMs: readonly number[]
}

/**
 * How long it takes from a produce's answer to the start of a handler that gets the record, in a process with its
 * broker on a directory: a function of that process, and one in a process of its own, as `tidemark dev --on` has it.
 */
export async function measureLocal(records: number): Promise<LocalLatency[]> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-latency-'))
  const embedded = await openEmbedded({ directory: join(directory, 'store') })
  try {
    const path = join(directory, 'handler.mjs')
    await writeFile(path, HANDLER)
    return [
      { what: 'to a function of the process', latenciesMs: await measureFunction(embedded, records) },
      { what: 'to a handler in its own process', latenciesMs: await measureFile(embedded, path, records) },
    ]
  } finally {
    await embedded.close()
    await rm(directory, { recursive: true })
  }
}

async function measureFunction(embedded: Embedded, records: number): Promise<number[]> {
  const topic = 'functions'
  await embedded.broker.createTopic({ topic })
  const begun = new Map<number, bigint>()
  const running = await runTriggers(embedded, [
    {
      topic,
      groupId: topic,
      handler: async event => {
        const now = process.hrtime.bigint()
        for (const { offset } of Object.values(event.records).flat()) begun.set(offset, now)
      },
    },
  ])
  const latencies = await produceAndWait(embedded, topic, records, begun)
  await running.stop()
  return latencies
}

async function measureFile(embedded: Embedded, path: string, records: number): Promise<number[]> {
  const topic = 'files'
  const begun = new Map<number, bigint>()
  const file = { path, exportName: undefined }
  const running = await runFileTriggers(
    embedded,
    [{ topic, groupId: topic, name: 'handler', file, settings: {} }],
    { bootstrapServers: 'localhost:9092', environment: process.env },
    {
      onNews(news) {
        if (news.kind !== 'called' || news.outcome.kind !== 'answered') return
        const answer = news.outcome.answer as { begun: string; offsets: number[] }
        for (const offset of answer.offsets) begun.set(offset, BigInt(answer.begun))
      },
      onHandler() {},
      onTopicMade() {},
    },
  )
  const latencies = await produceAndWait(embedded, topic, records, begun)
  await running.stop()
  return latencies
}

/** @param begun when the handler of each offset began, in nanoseconds; filled meanwhile */
async function produceAndWait(
  { broker }: Embedded,
  topic: string,
  records: number,
  begun: ReadonlyMap<number, bigint>,
): Promise<number[]> {
  const answered = new Map<number, bigint>()
  for (let number = 0; number < WARM_UP_RECORDS + records; number += 1) {
    const batches = encodeBatch([{ value: Buffer.from(`${number}`) }], { nowMs: Date.now() })
    const { baseOffset } = await broker.produce({ topic, partition: 0, batches })
    answered.set(baseOffset, process.hrtime.bigint())
    await sleep(PAUSE_MS)
  }
  const sinceMs = performance.now()
  while (begun.size < answered.size) {
    if (performance.now() - sinceMs > ARRIVAL_MS_MAX) {
      throw new Error(`only ${begun.size} of ${answered.size} records arrived`)
    }
    await sleep(PAUSE_MS)
  }
  return [...answered]
    .slice(WARM_UP_RECORDS)
    .map(([offset, nanoseconds]) => Number(begun.get(offset)! - nanoseconds) / 1e6)
}
