import type { Decisions } from '../../src/adapters/items/decisions.ts'
import type { Items } from '../../src/adapters/items/items.ts'
import type { MemoryStore } from '../../src/adapters/memory/memory-store.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { FailureDestinations } from '../../src/ports/failure-destinations.ts'
import type { GroupStore } from '../../src/ports/group-store.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { ListenerStore } from '../../src/ports/listener-store.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'
import type { TopicStore } from '../../src/ports/topic-store.ts'
import type { DedupeKey } from './actors/wake-up-queue.ts'

/** What is broken on purpose, to see that the simulation notices. */
export interface Defect {
  readonly decisions?: Partial<Decisions>
  /** Puts something else in the place of each process's ports. */
  readonly ports?: PlantPorts
  readonly failures?: FailureDestinations
  readonly dedupeKeyOf?: DedupeKey
  readonly clients?: {
    /** Whether transactional producers say which of their transactions they mean. */
    readonly sendNumbers?: boolean
  }
  /** What keeps who is armed, of each process, in the place of the one over its items. */
  readonly listeners?: (items: Items, clock: Clock) => ListenerStore
  /** Whether listeners look for nothing that they are not woken for. */
  readonly neverLooks?: boolean
}

/** Made anew for each run. */
export type PlantPorts = (store: MemoryStore, clock: Clock) => WrapPorts

/** @param process its name */
export type WrapPorts = (ports: Ports, process: string) => Ports

/** A defect, and what notices it. */
export interface PlantedDefect extends Defect {
  /** Who must take part, by name. */
  readonly actors: readonly string[]
  /** How many seeds it may survive at most. */
  readonly seeds: number
  /** What the run that notices it fails with. */
  readonly message: RegExp
}

/** Puts something else in the place of each process's index. */
export function ofIndex(
  wrap: (store: MemoryStore, clock: Clock) => (index: LogIndex, process: string) => LogIndex,
): PlantPorts {
  return (store, clock) => {
    const wrapped = wrap(store, clock)
    return (ports, process) => ({ ...ports, index: wrapped(ports.index, process) })
  }
}

/** The same with its topics. */
export function ofTopics(wrap: (topics: TopicStore) => TopicStore): PlantPorts {
  return () => ports => ({ ...ports, topics: wrap(ports.topics) })
}

/** The same with its groups. */
export function ofGroups(wrap: (groups: GroupStore) => GroupStore): PlantPorts {
  return () => ports => ({ ...ports, groups: wrap(ports.groups) })
}

/** An object of which some methods are others. */
export function withMethods<T extends object>(given: T, methods: Partial<T>): T {
  return new Proxy(given, {
    get(target, name) {
      const value = methods[name as keyof T] ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
