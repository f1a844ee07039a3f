/**
 * Tidemark's client alone: a broker behind HTTP, and record batches in and out. It brings neither a database nor
 * a server along, as the package's main entry does.
 *
 * ```ts
 * const broker = new HttpBroker({ url: 'http://127.0.0.1:8082' })
 * const batches = encodeBatch([{ value: Buffer.from('ebb') }], { nowMs: Date.now() })
 * await broker.produce({ topic: 'tides', partition: 0, batches })
 * ```
 */

export type * from '../contract/broker.ts'
export { type KafkaErrorName, TidemarkError, type Written } from '../core/errors.ts'
export { partitionForKey } from '../core/log/partitioner.ts'
export { type Offset, type Position, toOffset } from '../core/numbers.ts'
export {
  type CompressionName,
  decodeBatch,
  decodeBatches,
  encodeBatch,
  type LogRecord,
  type RecordHeader,
  type RecordInput,
} from '../core/record/index.ts'
export { HttpBroker, type HttpBrokerSettings } from './http-broker.ts'
export type { SignRequest, UnsignedRequest } from './http-transport.ts'
export { fetchLocated, type LocatedSettings } from './located.ts'
