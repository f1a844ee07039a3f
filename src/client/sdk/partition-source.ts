import type { Offset } from '../../core/numbers.ts'

/** A partition that is read. */
export interface ReadPartition {
  readonly topic: string
  readonly partition: number
  /** In a group: under which ownership it is read. */
  readonly generation?: number | undefined
}

/** Where a consumer's partitions come from: a group shares them out, or they are assigned by hand. */
export interface PartitionSource {
  readonly memberId: string
  readonly memberEpoch: number
  /** Whether what was assigned is still its own, as far as its own clock tells. */
  readonly isAlive: boolean
  /** Whether it has all that it is to have for now, and nothing else. */
  readonly isSettled: boolean
  /** @throws TidemarkError when there is nothing to be had */
  join(): Promise<void>
  /** Nothing more is told; what is owned stays so until `leave`. */
  stop(): Promise<void>
  leave(): Promise<void>
  /** Gives back what was to be released. */
  release(partition: ReadPartition): void
  /** Another owns it, as a refused commit told. */
  giveUp(partition: ReadPartition): void
  /** Finds out at once what is still owned. */
  beatSoon(): void
}

/** What a source tells its consumer. None of these may throw. */
export interface PartitionListener {
  /** These are read from now on. `committedOffset`: where to begin; null: nothing was ever committed. */
  assigned(partitions: readonly (ReadPartition & { committedOffset: Offset | null })[]): void
  /** Finish with these and commit them, then `release` them. Told again until that is done. */
  toRelease(partitions: readonly ReadPartition[]): void
  /** Others may have these by now: nothing more of them may be delivered or committed. */
  lost(partitions: readonly ReadPartition[]): void
  /** A heartbeat was answered, and all that it told is told. */
  beat(): void
  /** All is lost, and the member joins again. */
  rebalancing(): void
  /** There is nothing more to be had. */
  failed(error: unknown): void
}
