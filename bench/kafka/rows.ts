import {
  type Client,
  javaConsume,
  javaProduce,
  kcatConsume,
  kcatProduce,
  tidemarkConsume,
  tidemarkProduce,
} from './clients.ts'

export interface Row {
  readonly name: string
  readonly client: Client
  /** To which topic it writes, or of which it reads what a row before has written. */
  readonly topic: string
  readonly partitions: number
  readonly batch?: number
  /** Of all records: batches of one take long. */
  readonly share?: number
  /** The row whose figure with Kafka this one is held against, where its client knows us alone. */
  readonly against?: string
  readonly reach?: number
}

/** In this order. Producers come first: what reads, reads what they have left. */
export const ROWS: readonly Row[] = [
  { name: 'kcat produce, 1 partition', client: kcatProduce, topic: 'kcat-1', partitions: 1, reach: 0.9 },
  { name: 'kcat consume, 1 partition', client: kcatConsume, topic: 'kcat-1', partitions: 1, reach: 1 },
  { name: 'kcat produce, 12 partitions', client: kcatProduce, topic: 'kcat-12', partitions: 12, reach: 0.9 },
  { name: 'kcat consume, 12 partitions', client: kcatConsume, topic: 'kcat-12', partitions: 12, reach: 1 },
  {
    name: 'kcat produce, batches of 50',
    client: kcatProduce,
    topic: 'kcat-50',
    partitions: 1,
    batch: 50,
    share: 0.5,
  },
  {
    name: 'kcat produce, batches of 1',
    client: kcatProduce,
    topic: 'kcat-single',
    partitions: 1,
    batch: 1,
    share: 0.02,
  },
  { name: 'Java produce, 1 partition', client: javaProduce, topic: 'java-1', partitions: 1, reach: 1.3 },
  { name: 'Java consume, 1 partition', client: javaConsume, topic: 'java-1', partitions: 1, reach: 1.2 },
  { name: 'Java produce, 12 partitions', client: javaProduce, topic: 'java-12', partitions: 12, reach: 1.3 },
  { name: 'Java consume, 12 partitions', client: javaConsume, topic: 'java-12', partitions: 12, reach: 1.2 },
  {
    name: 'Java produce, batches of 50',
    client: javaProduce,
    topic: 'java-50',
    partitions: 1,
    batch: 50,
    share: 0.5,
  },
  {
    name: 'Java produce, batches of 1',
    client: javaProduce,
    topic: 'java-single',
    partitions: 1,
    batch: 1,
    share: 0.02,
  },
  {
    name: 'tidemark produce',
    client: tidemarkProduce,
    topic: 'own-1',
    partitions: 1,
    against: 'kcat produce, 1 partition',
    reach: 0.6,
  },
  {
    name: 'tidemark consume',
    client: tidemarkConsume,
    topic: 'own-1',
    partitions: 1,
    against: 'kcat consume, 1 partition',
    reach: 0.8,
  },
]

/** What a Kafka is asked that flushes after each record. */
export const FLUSHED_ROWS: readonly string[] = [
  'kcat produce, 1 partition',
  'kcat produce, batches of 50',
  'kcat produce, batches of 1',
  'Java produce, 1 partition',
  'Java produce, batches of 50',
]
export const FLUSHED_REACH = 5
/** A record that is flushed takes about a millisecond or more. */
export const FLUSHED_SHARE = 0.05
