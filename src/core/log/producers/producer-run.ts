import { ByteReader, ByteWriter } from '../../bytes.ts'

/** Batches of one produce call of an idempotent producer, inside an entry. */
export interface ProducerRun {
  readonly producerId: bigint
  readonly epoch: number
  /** The first record's. */
  readonly sequence: number
  readonly records: number
  /** The entry's records that lie before it. */
  readonly recordsBefore: number
}

export function encodeRuns(runs: readonly ProducerRun[]): Uint8Array {
  const writer = new ByteWriter()
  for (const { producerId, epoch, sequence, records, recordsBefore } of runs) {
    writer.raw(idBytes(producerId)).number(epoch).number(sequence).number(records).number(recordsBefore)
  }
  return writer.finish()
}

/** @throws RangeError when the bytes are no runs */
export function decodeRuns(bytes: Uint8Array): ProducerRun[] {
  const reader = new ByteReader(bytes)
  const runs: ProducerRun[] = []
  while (!reader.isAtEnd) {
    runs.push({
      producerId: readId(reader),
      epoch: reader.number(),
      sequence: reader.number(),
      records: reader.number(),
      recordsBefore: reader.number(),
    })
  }
  return runs
}

const ID_BYTES = 8

/** Producer ids are 64 bits wide, signed. */
export function idBytes(producerId: bigint): Uint8Array {
  const bytes = Buffer.allocUnsafe(ID_BYTES)
  bytes.writeBigInt64BE(producerId)
  return bytes
}

export function readId(reader: ByteReader): bigint {
  const bytes = reader.raw(ID_BYTES)
  return Buffer.from(bytes.buffer, bytes.byteOffset, ID_BYTES).readBigInt64BE()
}
