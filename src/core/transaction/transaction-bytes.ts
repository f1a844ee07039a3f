import { ByteReader, ByteWriter } from '../bytes.ts'
import { decodeEntry, encodeEntry, type IndexEntry } from '../log/entry.ts'
import { idBytes, readId } from '../log/producers/producer-run.ts'
import { type PartitionId, partitionKey } from '../topic/partition-id.ts'
import type {
  ChunkReference,
  ProducerName,
  SpilledRun,
  StagedChunk,
  StagedPartition,
  Transaction,
  TransactionPartition,
  TransactionState,
} from './transaction.ts'

/** Their places are persisted. */
const STATES: readonly TransactionState[] = [
  'empty',
  'open',
  'committing',
  'aborting',
  'committed',
  'aborted',
]
const TRANSACTION_VERSION = 1
const CHUNK_VERSION = 1

/** The item as it is persisted: one binary value. Names that come again and again stand in it once. */
export function encodeTransaction(transaction: Transaction): Uint8Array {
  const { partitions, chunks, sequences, offsets, done, bumpedFrom } = transaction
  const numbered = [...sequences].map(([key, last]) => ({ ...partitionOf(key), last }))
  const finished = done.map(partitionOf)
  const names = new Names([...partitions, ...numbered, ...offsets, ...finished])
  const groups = [...new Set(offsets.map(({ groupId }) => groupId))]
  const writer = new ByteWriter()
    .byte(TRANSACTION_VERSION)
    .id(transaction.version)
    .block(Buffer.from(transaction.transactionalId))
    .byte(STATES.indexOf(transaction.state))
    .number(transaction.number)
  writeProducer(writer, transaction)
  writeProducer(writer, transaction.begunBy)
  writeAll(writer, bumpedFrom ? [bumpedFrom] : [], each => writeProducer(writer, each))
  writer
    .number(transaction.timeoutMs)
    .number(transaction.startedMs)
    .number(transaction.updatedMs)
    .number(transaction.floor)
  names.write(writer)
  writeAll(writer, partitions, each => {
    names.writePlace(writer, each).block(Buffer.from(each.topic))
    writeAll(writer, each.spilled, ({ sequence, records }) => writer.number(sequence).number(records))
    writeRuns(writer, each.runs)
  })
  writeAll(writer, chunks, ({ id, runs, bytes, oldestEpoch }) =>
    // 0 says that there is none.
    writer
      .id(id)
      .number(runs)
      .number(bytes)
      .number(oldestEpoch === undefined ? 0 : oldestEpoch + 1),
  )
  writeAll(writer, numbered, each => names.writePlace(writer, each).number(each.last))
  writeAll(writer, groups, groupId => writer.block(Buffer.from(groupId)))
  writeAll(writer, offsets, each => names.writePlace(writer, each).number(groups.indexOf(each.groupId)))
  writeAll(writer, finished, each => names.writePlace(writer, each))
  return writer.finish()
}

/** @throws RangeError when the bytes are no transaction of a version that is known */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  const reader = new ByteReader(bytes)
  const written = reader.byte()
  if (written !== TRANSACTION_VERSION)
    throw new RangeError(`a transaction of version ${written} is not known`)
  const version = reader.id()
  const transactionalId = readText(reader)
  const state = nth(STATES, reader.byte())
  const number = reader.number()
  const producer = readProducer(reader)
  const begunBy = readProducer(reader)
  const [bumpedFrom = null] = readAll(reader, () => readProducer(reader))
  const [timeoutMs, startedMs, updatedMs, floor] = [
    reader.number(),
    reader.number(),
    reader.number(),
    reader.number(),
  ]
  const topicIds = readAll(reader, () => readText(reader))
  const partitions = readAll(reader, (): TransactionPartition => {
    const { topicId, partition } = readPlace(reader, topicIds)
    const topic = readText(reader)
    const spilled = readAll(
      reader,
      (): SpilledRun => ({ sequence: reader.number(), records: reader.number() }),
    )
    return { topicId, topic, partition, runs: readRuns(reader), spilled }
  })
  const chunks = readAll(reader, (): ChunkReference => {
    const [id, runs, size, epoch] = [reader.id(), reader.number(), reader.number(), reader.number()]
    return { id, runs, bytes: size, oldestEpoch: epoch === 0 ? undefined : epoch - 1 }
  })
  const sequences = readAll(
    reader,
    () => [partitionKey(readPlace(reader, topicIds)), reader.number()] as const,
  )
  const groups = readAll(reader, () => readText(reader))
  const offsets = readAll(reader, () => {
    const place = readPlace(reader, topicIds)
    return { groupId: nth(groups, reader.number()), ...place }
  })
  const done = readAll(reader, () => partitionKey(readPlace(reader, topicIds)))
  return {
    transactionalId,
    version,
    ...producer,
    bumpedFrom,
    number,
    begunBy,
    state,
    timeoutMs,
    startedMs,
    updatedMs,
    floor,
    partitions,
    chunks,
    sequences: new Map(sequences),
    offsets,
    done,
  }
}

/** A chunk's item; what its key says is not repeated in the value. */
export function encodeChunk({ partitions }: StagedChunk): Uint8Array {
  const names = new Names(partitions)
  const writer = new ByteWriter().byte(CHUNK_VERSION)
  names.write(writer)
  writeAll(writer, partitions, each => writeRuns(names.writePlace(writer, each), each.runs))
  return writer.finish()
}

/** @throws RangeError when the bytes are no chunk of a version that is known */
export function decodeChunk(
  { id, number }: Pick<StagedChunk, 'id' | 'number'>,
  bytes: Uint8Array,
): StagedChunk {
  const reader = new ByteReader(bytes)
  const written = reader.byte()
  if (written !== CHUNK_VERSION) throw new RangeError(`a chunk of version ${written} is not known`)
  const topicIds = readAll(reader, () => readText(reader))
  const partitions = readAll(
    reader,
    (): StagedPartition => ({ ...readPlace(reader, topicIds), runs: readRuns(reader) }),
  )
  return { id, number, partitions }
}

/** Topics' ids, each once. */
class Names {
  readonly #places = new Map<string, number>()

  constructor(partitions: readonly PartitionId[]) {
    for (const { topicId } of partitions) {
      if (!this.#places.has(topicId)) this.#places.set(topicId, this.#places.size)
    }
  }

  write(writer: ByteWriter): void {
    writeAll(writer, [...this.#places.keys()], topicId => writer.block(Buffer.from(topicId)))
  }

  writePlace(writer: ByteWriter, { topicId, partition }: PartitionId): ByteWriter {
    return writer.number(this.#places.get(topicId)!).number(partition)
  }
}

function readPlace(reader: ByteReader, topicIds: readonly string[]): PartitionId {
  return { topicId: nth(topicIds, reader.number()), partition: reader.number() }
}

/** @throws RangeError when it is no partition's key */
function partitionOf(key: string): PartitionId {
  const match = /^(.+)#(\d+)$/s.exec(key)
  if (!match) throw new RangeError(`${key} is not the key of a partition`)
  return { topicId: match[1]!, partition: Number(match[2]) }
}

function writeProducer(writer: ByteWriter, { producerId, epoch }: ProducerName): void {
  writer.raw(idBytes(producerId)).number(epoch)
}

function readProducer(reader: ByteReader): ProducerName {
  return { producerId: readId(reader), epoch: reader.number() }
}

function writeRuns(writer: ByteWriter, runs: readonly IndexEntry[]): void {
  writeAll(writer, runs, run => writer.block(encodeEntry(run)))
}

function readRuns(reader: ByteReader): IndexEntry[] {
  return readAll(reader, () => decodeEntry(reader.block()))
}

function writeAll<T>(writer: ByteWriter, all: readonly T[], write: (each: T) => void): void {
  writer.number(all.length)
  for (const each of all) write(each)
}

function readAll<T>(reader: ByteReader, read: () => T): T[] {
  const all: T[] = []
  for (let left = reader.number(); left > 0; left -= 1) all.push(read())
  return all
}

function readText(reader: ByteReader): string {
  return Buffer.from(reader.block()).toString()
}

function nth<T>(all: readonly T[], place: number): T {
  const found = all[place]
  if (found === undefined) throw new RangeError(`there is no name ${place}`)
  return found
}
