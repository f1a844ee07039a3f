/**
 * What members of a classic group of consumers tell each other through the broker: their subscriptions as
 * JoinGroup's metadata, and what the leader assigned as SyncGroup's assignment. Version first, then the fields. The broker
 * itself reads only the beginning, in the core.
 */
import { type Codec, compileStruct } from '../../../src/gateway/wire/compile.ts'
import { Reader } from '../../../src/gateway/wire/reader.ts'
import {
  array,
  bytes,
  type Fields,
  int32,
  type ReadOf,
  string,
  type WrittenOf,
} from '../../../src/gateway/wire/schema.ts'
import { Writer } from '../../../src/gateway/wire/writer.ts'

const topicPartitions = array({ topic: string, partitions: array(int32) })

export const ConsumerProtocolSubscription = defineData([0, 3], {
  topics: array(string),
  userData: bytes.nullable().orElse(null),
  ownedPartitions: topicPartitions.in('1+'),
  generationId: int32.in('2+').orElse(-1),
  rackId: string.in('3+').nullable('3+').orElse(null),
})

export const ConsumerProtocolAssignment = defineData([0, 3], {
  assignedPartitions: topicPartitions,
  userData: bytes.nullable().orElse(null),
})

export interface VersionedData<Read, Written> {
  readonly versions: readonly [number, number]
  readonly fields: Fields
  encode(version: number, value: Written): Uint8Array
  /** A version that is newer than all of ours is read as the newest: what it added stands behind. Throws WireError. */
  decode(bytes: Uint8Array): Read & { readonly version: number }
}

function defineData<F extends Fields>(
  versions: readonly [number, number],
  fields: F,
): VersionedData<ReadOf<F>, WrittenOf<F>> {
  const codecs: Codec[] = []
  const codecOf = (version: number): Codec => {
    codecs[version] ??= compileStruct(fields, { version, isFlexible: false })
    return codecs[version]
  }
  return {
    versions,
    fields,
    encode(version, value) {
      const writer = new Writer()
      writer.int16(version)
      codecOf(version).write(writer, value)
      return Buffer.concat(writer.finish())
    },
    decode(data) {
      const reader = new Reader(data)
      reader.field = 'version'
      const version = reader.int16()
      if (version < versions[0]) reader.fail(`version ${version} is none`)
      const read = codecOf(Math.min(version, versions[1])).read(reader) as ReadOf<F>
      return { ...read, version }
    },
  }
}
