import type { MemoryItems } from '../../../src/adapters/memory/memory-items.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import { AppendedRecords } from '../appended-records.ts'
import type { WatchedObjects } from '../watched-objects.ts'
import { ClassicPromises } from './classic.ts'
import { CompactionPromises } from './compaction.ts'
import { DeliveryPromises } from './delivery.ts'
import { EpochPromises } from './epochs.ts'
import { ExpiryPromises } from './expiry.ts'
import { LogPromises } from './log.ts'
import { OwnershipPromises } from './ownership.ts'
import { SettlingPromises } from './settling.ts'
import { TopicPromises } from './topics.ts'
import { TransactionPromises } from './transactions.ts'

/** All that was promised to anybody in a world. */
export interface WorldPromises {
  readonly topics: TopicPromises
  readonly log: LogPromises
  readonly ownership: OwnershipPromises
  readonly classic: ClassicPromises
  readonly delivery: DeliveryPromises
  readonly compaction: CompactionPromises
  readonly expiry: ExpiryPromises
  readonly settling: SettlingPromises
  readonly epochs: EpochPromises
  readonly transactions: TransactionPromises
}

/** @param skewMs how far ahead of the others any clock may be, or behind them */
export function makePromises(
  clock: Clock,
  objects: WatchedObjects,
  skewMs: number,
  violated: (problem: string) => void,
): WorldPromises {
  const appended = new AppendedRecords()
  const topics = new TopicPromises(violated)
  const log = new LogPromises(topics, violated)
  const ownership = new OwnershipPromises(violated)
  const classic = new ClassicPromises(violated)
  const delivery = new DeliveryPromises(violated)
  ownership.onCommit(delivery.committed)
  const lacks = (key: string, offset: number): boolean => settling.lacks(key, offset)
  const expiry = new ExpiryPromises({ clock, appended, skewMs, askedTo: log.askedTo, lacks, violated })
  const compaction = new CompactionPromises({ clock, appended, skewMs, rulesOf: expiry.rulesOf })
  const { startMoved } = expiry
  const { mayLack } = compaction
  const isLive = (topicId: string) => topics.isLive(topicId)
  const transactions = new TransactionPromises({ objects, isLive, violated })
  const { runsAppended, drainedBelow } = transactions
  const settling = new SettlingPromises({
    ...{ clock, objects, appended, mayLack, startMoved, runsAppended, violated },
  })
  const epochs = new EpochPromises({ settling, isLive, drainedBelow, violated })
  return { topics, log, ownership, classic, delivery, compaction, expiry, settling, epochs, transactions }
}

/** Lets them hear of every change of an item. */
export function watchItems(items: MemoryItems, promises: WorldPromises): void {
  const { topics, ownership, classic, expiry, settling, epochs, transactions } = promises
  // An item of a transaction is told before what is done in its name.
  for (const { changed } of [transactions, topics, ownership, classic, expiry, settling, epochs]) {
    items.observe(changed)
  }
}

/** How often each thing has happened that they are about. */
export function countPromises(promises: WorldPromises): Readonly<Record<string, number>> {
  const { made, deleted, ghosts } = promises.topics
  const { acknowledged, unknown, records } = promises.log
  const { changes, commits, fenced, removals } = promises.ownership
  const { calls, repeats, told, resets } = promises.delivery
  const { settles, merges, drops, passes } = promises.settling
  const { expirations } = promises.expiry
  const { rounds } = promises.epochs
  const { generations, lives } = promises.classic
  const { decided, atOnce, aborted, spilled, fencings, offsets } = promises.transactions
  const { applied, dropped } = offsets
  return {
    ...{ made, deleted, ghosts, acknowledged, unknown, records, changes, commits, fenced, removals },
    ...{
      calls,
      repeats,
      told,
      resets,
      settles,
      merges,
      drops,
      passes,
      expirations,
      rounds,
      generations,
      lives,
    },
    ...{ decided, atOnce, aborted, applied, dropped, spilled, fencings },
  }
}
