import { type Items, removal } from '../../../src/adapters/items/items.ts'
import { type ItemStores, storesOver } from '../../../src/adapters/items/stores.ts'
import { MemoryItems } from '../../../src/adapters/memory/memory-items.ts'
import {
  type Fault,
  type FaultSource,
  Network,
  SimulatedProcess,
} from '../../../src/adapters/memory/network.ts'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'

/** What happens to one of the changes that a call makes. */
export interface Blow {
  /** Which one, from 0. */
  readonly place: number
  readonly fault: Fault
}

/** How a call went on: it may have been broken off for good, with its process. */
export interface Went {
  /** The changes that were asked for, in order: an item's key, with a minus where the item was to go as part of a range. */
  readonly changes: readonly string[]
  readonly end: 'done' | 'failed' | 'died'
}

const LONG_MS = 10_000

/** One store in memory over virtual time, and calls to it from processes far away. */
export class FarStores {
  readonly clock = new VirtualClock(0)
  readonly items = new MemoryItems()
  /** As they are, with nothing in between. */
  readonly near: ItemStores = storesOver(this.items)

  /** Makes a call from a process of its own, one of whose changes meets a fault. */
  async call(make: (stores: ItemStores) => Promise<unknown>, blow?: Blow): Promise<Went> {
    return await this.run(this.begin(make, blow))
  }

  /** The same, while somebody else lets time pass. */
  async begin(make: (stores: ItemStores) => Promise<unknown>, blow?: Blow): Promise<Went> {
    const changes: string[] = []
    const faults: FaultSource = {
      nextFault: writes => (writes && blow?.place === changes.length - 1 ? blow.fault : 'none'),
      nextDelayMs: fault => (fault === 'slow' ? LONG_MS / 10 : 1),
    }
    const process = new SimulatedProcess()
    const stores = storesOver(this.#across(new Network(process, faults, this.clock), changes))
    const call = make(stores).then(
      () => 'done' as const,
      () => 'failed' as const,
    )
    const end = await Promise.race([call, process.died.then(() => 'died' as const)])
    return { changes, end }
  }

  /** Lets everything that is under way get there. */
  async settle(): Promise<void> {
    await this.run(this.clock.sleep(LONG_MS))
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntilSettled(promise)
  }

  /** The keys of what stands there. */
  async keys(prefix = ''): Promise<string[]> {
    const all = await this.items.range('', '\u{10ffff}')
    return all.map(({ key }) => key).filter(key => key.startsWith(prefix))
  }

  /** A range goes item by item here, since items promise no more than that. */
  #across(network: Network, changes: string[]): Items {
    const far = this.items.across(network)
    return {
      ...far,
      update: (key, change) => {
        changes.push(key)
        return far.update(key, change)
      },
      removeRange: async (start, end) => {
        for (const { key } of await far.range(start, end)) {
          changes.push(`-${key}`)
          await far.update(key, removal)
        }
      },
    }
  }
}
