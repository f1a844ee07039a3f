import {
  MAINTENANCE_LANES,
  MAINTENANCE_WAKE_PARTITIONS_MAX,
  MAINTENANCE_WAKE_TRANSACTIONS_MAX,
} from './limits.ts'
import { groupBy } from './since-node-22.ts'
import { type PartitionId, partitionKey } from './topic/partition-id.ts'
import { murmur2 } from './topic/partitioner.ts'

/**
 * What maintenance is woken for: partitions that have something to settle; epochs and garbage, which are the whole store's; or a
 * look at everything, which finds what no change tells of, such as records that have come of age.
 */
export type MaintenanceWork = readonly PartitionId[] | 'upkeep' | 'everything'

/** What one run is called for. Runs of different lanes are not in each other's way: each partition is in one of them. */
export interface MaintenanceCall {
  readonly lane: number
  /** Those of its lane with something to settle; 'all' looks at each of the lane. */
  readonly partitions: readonly PartitionId[] | 'all'
  /** Of 'all': the partition key at which it goes on; '' begins anew. */
  readonly from: string
  /** Whether it sees to epochs, garbage and offsets, too. */
  readonly upkeep: boolean
  /**
   * Partition keys of transactions that may be decided and not done. Where there are any, the run sees to nothing else, and belongs to
   * no lane: any number may do so at a time.
   */
  readonly transactions?: readonly string[]
}

/** The lane of what is the whole store's. */
const UPKEEP_LANE = 0

/** The lane of a partition. */
export function maintenanceLane(partition: PartitionId): number {
  return (murmur2(Buffer.from(partitionKey(partition))) >>> 0) % MAINTENANCE_LANES
}

/** The calls that some work takes: one for each lane that has any, and no more partitions in one than it takes. */
export function maintenanceCalls(work: MaintenanceWork): MaintenanceCall[] {
  if (work === 'upkeep') return [{ lane: UPKEEP_LANE, partitions: [], from: '', upkeep: true }]
  if (work === 'everything') {
    return Array.from({ length: MAINTENANCE_LANES }, (_, lane) => ({
      lane,
      partitions: 'all',
      from: '',
      upkeep: lane === UPKEEP_LANE,
    }))
  }
  const lanes = groupBy(work, maintenanceLane)
  return [...lanes].flatMap(([lane, partitions]) => {
    const calls: MaintenanceCall[] = []
    for (let start = 0; start < partitions.length; start += MAINTENANCE_WAKE_PARTITIONS_MAX) {
      const some = partitions.slice(start, start + MAINTENANCE_WAKE_PARTITIONS_MAX)
      calls.push({ lane, partitions: some, from: '', upkeep: false })
    }
    return calls
  })
}

/** The calls that have somebody look after transactions, by their partition keys. */
export function transactionCalls(keys: readonly string[]): MaintenanceCall[] {
  const calls: MaintenanceCall[] = []
  for (let start = 0; start < keys.length; start += MAINTENANCE_WAKE_TRANSACTIONS_MAX) {
    const transactions = keys.slice(start, start + MAINTENANCE_WAKE_TRANSACTIONS_MAX)
    calls.push({ lane: UPKEEP_LANE, partitions: [], from: '', upkeep: false, transactions })
  }
  return calls
}

/** What stands in an event; undefined where it is no call. */
export function readMaintenanceCall(event: unknown): MaintenanceCall | undefined {
  if (typeof event !== 'object' || event === null) return undefined
  const {
    lane,
    partitions,
    from,
    upkeep,
    transactions = [],
  } = event as Partial<Record<keyof MaintenanceCall, unknown>>
  const isLane = Number.isInteger(lane) && Number(lane) >= 0 && Number(lane) < MAINTENANCE_LANES
  if (!isLane || typeof from !== 'string' || typeof upkeep !== 'boolean') return undefined
  if (!Array.isArray(transactions) || !transactions.every(key => typeof key === 'string')) return undefined
  if (partitions === 'all') return { lane: Number(lane), partitions, from, upkeep }
  if (!Array.isArray(partitions) || !partitions.every(isPartition)) return undefined
  const named = partitions.map(({ topicId, partition }) => ({ topicId, partition }))
  const call = { lane: Number(lane), partitions: named, from, upkeep }
  return transactions.length > 0 ? { ...call, transactions } : call
}

function isPartition(value: unknown): value is PartitionId {
  const { topicId, partition } = (value ?? {}) as Partial<Record<keyof PartitionId, unknown>>
  return typeof topicId === 'string' && Number.isSafeInteger(partition) && Number(partition) >= 0
}
