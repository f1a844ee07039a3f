import { Partitioners as TIDEMARK_PARTITIONERS } from '../sdk/producing/partitioners.ts'
import type { DefaultPartitioner, ICustomPartitioner, LegacyPartitioner } from './types/configuration.ts'

const byKey: DefaultPartitioner = () => TIDEMARK_PARTITIONERS.DefaultPartitioner()

/** What KafkaJS chose before its version 2, so that keys stay where they were; without a key as the other. */
const byKeyAsBefore: LegacyPartitioner = () => {
  const withoutKey = byKey()
  return args => {
    const { key } = args.message
    if (key == null) return withoutKey(args)
    return (hashAsBefore(Buffer.from(key)) & 0x7fffffff) % args.partitionMetadata.length
  }
}

const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995

/**
 * murmur2 as it comes out when products are not cut to 32 bits: they lose their lowest bits above 2 to the 53rd instead.
 * A last word that is not whole is counted as one, and once more byte by byte.
 */
function hashAsBefore(bytes: Uint8Array): number {
  const { length } = bytes
  let hash = SEED ^ length
  for (let position = 0; position < length; position += 4) {
    const shifted = [0, 1, 2, 3].map(index => (bytes[position + index] ?? 0) << (8 * index))
    const word = shifted.reduce((sum, each) => sum + each) * MULTIPLIER
    hash = (hash * MULTIPLIER) ^ ((word ^ (word >>> 24)) * MULTIPLIER)
  }
  const whole = length - (length % 4)
  for (let index = length - 1; index >= whole; index--) hash ^= bytes[index]! << (8 * (index - whole))
  if (whole < length) hash *= MULTIPLIER
  const mixed = (hash ^ (hash >>> 13)) * MULTIPLIER
  return mixed ^ (mixed >>> 15)
}

export const Partitioners: {
  DefaultPartitioner: DefaultPartitioner
  LegacyPartitioner: LegacyPartitioner
  JavaCompatiblePartitioner: DefaultPartitioner
} = { DefaultPartitioner: byKey, LegacyPartitioner: byKeyAsBefore, JavaCompatiblePartitioner: byKey }

/** A partitioner of a program, told what KafkaJS would tell it of each partition. */
export function toPartitioner(create: ICustomPartitioner) {
  return () => {
    const choose = create()
    return ({ topic, partitionMetadata, message }: Parameters<ReturnType<ICustomPartitioner>>[0]) =>
      choose({ topic, message, partitionMetadata: partitionMetadata.map(each => withLeader(each)) })
  }
}

/** As KafkaJS describes a partition: here it has one replica, which leads it. */
export function withLeader({ partitionId }: { partitionId: number }) {
  return { partitionErrorCode: 0, partitionId, leader: 0, replicas: [0], isr: [0], offlineReplicas: [] }
}
