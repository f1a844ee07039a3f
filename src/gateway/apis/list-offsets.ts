import type { FoundOffset, OffsetPlace } from '../../contract/broker.ts'
import type { KafkaErrorName } from '../../core/errors.ts'
import { toWholeNumber } from '../../core/numbers.ts'
import { Lane } from '../../core/turns.ts'
import type { RequestOf, ResponseOf } from '../wire/api.ts'
import { ListOffsets } from '../wire/messages/list-offsets.ts'
import { LEADER_EPOCH } from './cluster.ts'
import type { Context } from './context.ts'
import { codeOf, NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'

type Request = RequestOf<typeof ListOffsets>
type AskedPartition = Request['topics'][number]['partitions'][number]
type PartitionAnswer = ResponseOf<typeof ListOffsets>['topics'][number]['partitions'][number]

/** What of a request is looked for at the same time. */
const LOOKS_PARALLEL = 32
/** In place of an offset or a time that there is none of. */
const NOTHING = -1

/** Timestamps that mean a place, and the first version in which they do. */
const PLACES: ReadonlyMap<number, { readonly from: number; readonly at: OffsetPlace | undefined }> = new Map([
  [-1, { from: 0, at: 'latest' }],
  [-2, { from: 0, at: 'earliest' }],
  [-3, { from: 7, at: 'max-timestamp' }],
  // The first one that is on this very broker, the last one that is not, and the first one that is not to be copied there:
  // nothing is anywhere else.
  [-4, { from: 8, at: 'earliest' }],
  [-5, { from: 9, at: undefined }],
  [-6, { from: 11, at: undefined }],
])

/** In the first version an answer is a list of offsets, the latest one first. */
export const listOffsets = handler(ListOffsets, [0, 11], async ({ topics }, context) => {
  const lane = new Lane(LOOKS_PARALLEL)
  return {
    topics: await Promise.all(
      topics.map(async ({ name, partitions }) => {
        const counts = new Map<number, number>()
        for (const { partitionIndex } of partitions) {
          counts.set(partitionIndex, (counts.get(partitionIndex) ?? 0) + 1)
        }
        const once = partitions.filter(({ partitionIndex }) => counts.get(partitionIndex) === 1)
        const several = [...counts].filter(([, count]) => count > 1)
        const found = await Promise.all(once.map(asked => lane.run(() => find(name, asked, context))))
        return {
          name,
          partitions: [...several.map(([index]) => failed(index, codeOf('INVALID_REQUEST'))), ...found],
        }
      }),
    ),
  }
})

async function find(
  topic: string,
  { partitionIndex, currentLeaderEpoch, timestamp }: AskedPartition,
  { broker, version }: Context,
): Promise<PartitionAnswer> {
  const refusal = refusalOf(partitionIndex, currentLeaderEpoch, timestamp, version)
  if (refusal) return failed(partitionIndex, codeOf(refusal))
  const named = PLACES.get(timestamp)
  // No record has a time beyond what is a whole number here.
  const at = named ? named.at : { timestampMs: Math.min(timestamp, Number.MAX_SAFE_INTEGER) }
  try {
    // Nothing is elsewhere, but there has to be a partition all the same.
    const found = await broker.offsetFor({ topic, partition: partitionIndex, at: at ?? 'earliest' })
    return answer(partitionIndex, at === undefined ? NOWHERE : found)
  } catch (error) {
    return failed(partitionIndex, toApiError(error).errorCode)
  }
}

const NOWHERE: FoundOffset = { offset: null, timestampMs: null }

function refusalOf(
  partition: number,
  currentLeaderEpoch: number,
  timestamp: number,
  version: number,
): KafkaErrorName | undefined {
  if (toWholeNumber(partition) === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION'
  if (currentLeaderEpoch > LEADER_EPOCH) return 'UNKNOWN_LEADER_EPOCH'
  if (timestamp >= 0) return undefined
  const named = PLACES.get(timestamp)
  return named && version >= named.from ? undefined : 'UNSUPPORTED_VERSION'
}

function answer(partitionIndex: number, { offset, timestampMs }: FoundOffset): PartitionAnswer {
  return {
    partitionIndex,
    errorCode: NONE,
    oldStyleOffsets: offset === null ? [] : [offset],
    timestamp: timestampMs ?? NOTHING,
    offset: offset ?? NOTHING,
    leaderEpoch: offset === null ? NOTHING : LEADER_EPOCH,
  }
}

function failed(partitionIndex: number, errorCode: number): PartitionAnswer {
  return { partitionIndex, errorCode, oldStyleOffsets: [] }
}
