import type { Clock } from './clock.ts'
import type { Entropy } from './entropy.ts'
import type { GroupStore } from './group-store.ts'
import type { LogIndex } from './log-index.ts'
import type { ObjectStore } from './object-store.ts'
import type { NotApplied, StoreFailed } from './outcome.ts'
import type { TopicStore } from './topic-store.ts'
import type { TransactionStore } from './transaction-store.ts'
import type { TriggerStore } from './trigger-store.ts'
import type { UpkeepStore } from './upkeep-store.ts'

/** All that the broker needs from outside. */
export interface Ports {
  readonly objects: ObjectStore
  readonly index: LogIndex
  readonly topics: TopicStore
  readonly groups: GroupStore
  readonly triggers: TriggerStore
  readonly upkeep: UpkeepStore
  readonly transactions: TransactionStore
  readonly clock: Clock
  readonly entropy: Entropy
  /**
   * Why nothing can be written now, as far as the store knows, so that nobody stores an object that no entry would point at.
   * NotApplied: it may pass by itself.
   */
  readonly refusal?: () => NotApplied | StoreFailed | undefined
  /** Aborts when this process is about to end: what the store refuses from then on is not tried again. */
  readonly ending?: AbortSignal
}
