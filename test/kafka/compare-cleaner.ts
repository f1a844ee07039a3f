import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import { type KafkaRecord, KafkaServer } from './kafka-server.ts'
import { ALL_CODECS, type KeyedBatch, keyedHistory } from './keyed-history.ts'
import { TidemarkLogs } from './tidemark-logs.ts'

/**
 * Holds our compaction against Apache Kafka's: the same records are produced to both, and both leave the same (key, value,
 * offset) behind, tombstones included. Run by hand, with Java 17, Maven and a network:
 *
 *   node test/kafka/compare-cleaner.ts --rounds 3 --seed 7     --retention 60000 on a machine that is busy
 *
 * Each round is a topic of its own with a partition for each codec and one for all of them, which is cleaned three times: after a
 * first history, after a second one while tombstones have their time, and after a third one when the time of the first two's is over.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    retention: { type: 'string', default: '15000' },
  },
})

const DELETE_RETENTION_MS = Number(values.retention)
/** Ours stay for up to an eighth longer. */
const TOMBSTONES_GONE_MS = DELETE_RETENTION_MS * 1.2
/** When Kafka begins another segment; only those before it are cleaned. */
const SEGMENT_MS = 400
const CONFIGS = { 'cleanup.policy': 'compact', 'delete.retention.ms': String(DELETE_RETENTION_MS) }
const PARTITIONS = ALL_CODECS.length + 1
/** What becomes one segment of ours. */
const BATCHES_PER_SEGMENT = 12

const kafka = await KafkaServer.start()
const tidemark = new TidemarkLogs()
let differing = 0
try {
  for (let round = 0; round < Number(values.rounds); round++) await compareRound(Number(values.seed) + round)
  console.log(differing === 0 ? 'both have left the same' : `${differing} partitions differ`)
  process.exitCode = differing === 0 ? 0 : 1
} finally {
  await kafka.stop()
}

async function compareRound(seed: number): Promise<void> {
  const entropy = new SeededEntropy(seed)
  const topic = `round-${seed}`
  const kafkaConfigs = {
    'segment.ms': SEGMENT_MS,
    'internal.segment.bytes': 3_000,
    'min.cleanable.dirty.ratio': 0.0001,
  }
  await kafka.create(topic, PARTITIONS, { ...CONFIGS, ...kafkaConfigs })
  const ownConfigs = { 'segment.bytes': '3000', 'min.cleanable.dirty.ratio': '0.0001' }
  await tidemark.create(topic, PARTITIONS, { ...CONFIGS, ...ownConfigs })
  const ends = Array.from({ length: PARTITIONS }, () => 0)
  const shape = { keys: entropy.pick([4, 40, 400]), tombstones: entropy.pick([0.1, 0.4]) }
  for (const stage of ['first', 'with tombstones of before', 'without tombstones of before']) {
    if (stage.startsWith('without')) await sleep(TOMBSTONES_GONE_MS)
    const startedMs = Date.now()
    const histories = ends.map((_, partition) => historyOf(entropy, partition, shape))
    await kafka.produce(topic, interleaved(histories))
    for (let at = 0; at < histories[0]!.length; at += BATCHES_PER_SEGMENT) {
      for (const [partition, batches] of histories.entries()) {
        for (const batch of batches.slice(at, at + BATCHES_PER_SEGMENT)) {
          await tidemark.produce(topic, partition, batch)
          ends[partition]! += batch.records.length
        }
      }
      await tidemark.settle(topic)
    }
    await produceMarkers(topic, stage, ends)
    const cleaning = Date.now()
    await kafkaHasCleaned(topic, ends)
    await tidemark.visit(topic)
    checkPace(Date.now() - startedMs)
    compare(
      `${topic} (${shape.keys} keys), ${stage}`,
      await kafka.read(topic, PARTITIONS),
      await tidemark.read(topic),
    )
    console.log(`  Kafka's cleaner took ${((Date.now() - cleaning) / 1_000).toFixed(1)} s`)
    for (const partition of ends.keys()) ends[partition]! += 1
  }
}

/** Where all takes so long that tombstones have had their time within a stage, what is left says nothing. */
function checkPace(tookMs: number): void {
  if (tookMs < DELETE_RETENTION_MS / 2) return
  throw new Error(`the stage took ${tookMs} ms: give --retention (in milliseconds) more than twice that`)
}

function historyOf(
  entropy: SeededEntropy,
  partition: number,
  shape: { keys: number; tombstones: number },
): KeyedBatch[] {
  const codec = ALL_CODECS[partition]
  const codecs = codec === undefined ? ALL_CODECS : [codec]
  return keyedHistory(entropy, {
    ...shape,
    codecs,
    batches: 4 * BATCHES_PER_SEGMENT,
    timestampMs: Date.now() - 1_000,
  })
}

function* interleaved(histories: readonly KeyedBatch[][]) {
  for (const [partition, batches] of histories.entries()) {
    for (const { compression, records } of batches)
      for (const record of records) yield { partition, compression, ...record }
  }
}

/** The last record of each partition, of a key of its own. With it Kafka begins another segment, which it does not clean. */
async function produceMarkers(topic: string, stage: string, ends: readonly number[]): Promise<void> {
  await sleep(SEGMENT_MS * 2)
  const record = { key: `marker ${stage}`, value: stage, timestampMs: Date.now() }
  await kafka.produce(
    topic,
    ends.map((_, partition) => ({ partition, compression: 'none', ...record })),
  )
  for (const partition of ends.keys()) {
    await tidemark.produce(topic, partition, { compression: 'none', records: [record] })
  }
}

async function kafkaHasCleaned(topic: string, ends: readonly number[]): Promise<void> {
  for (let waits = 0; waits < 300; waits++) {
    const cleaned = kafka.cleanedTo(topic)
    if (ends.every((end, partition) => cleaned.get(partition) === end)) return
    await sleep(100)
  }
  throw new Error(`Kafka has cleaned ${topic} up to ${[...kafka.cleanedTo(topic)]}, and not up to ${ends}`)
}

function compare(what: string, theirs: readonly KafkaRecord[], own: readonly KafkaRecord[]): void {
  let records = 0
  let tombstones = 0
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const [their, our] = [theirs, own].map(all =>
      all.filter(record => record.partition === partition).map(lineOf),
    )
    records += their!.length
    tombstones += theirs.filter(record => record.partition === partition && record.value === null).length
    const [more, less] = [
      our!.filter(line => !their!.includes(line)),
      their!.filter(line => !our!.includes(line)),
    ]
    if (more.length === 0 && less.length === 0 && our!.join() === their!.join()) continue
    differing += 1
    console.log(
      `${what}, partition ${partition}: only ours ${more.slice(0, 5)}; only Kafka's ${less.slice(0, 5)}`,
    )
  }
  console.log(
    `${what}: ${records} records are left by Kafka, ${tombstones} of them tombstones, ${own.length} by Tidemark`,
  )
}

function lineOf({ offset, key, value }: KafkaRecord): string {
  return `${offset}:${key}=${value}`
}
