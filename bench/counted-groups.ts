import { AsyncLocalStorage } from 'node:async_hooks'
import { claimItemKey } from '../src/adapters/aws/items/claim.ts'
import { encodeGroupItem } from '../src/adapters/aws/items/group.ts'
import { encodeMemberItem } from '../src/adapters/aws/items/member.ts'
import { encodeTargetChunkItem } from '../src/adapters/aws/items/target-chunk.ts'
import { number } from '../src/adapters/aws/table/attributes.ts'
import { itemBytes } from '../src/adapters/aws/table/item-bytes.ts'
import type { Claim, Group, Member } from '../src/core/group/group.ts'
import { CLAIM_ATTRIBUTES } from '../src/core/storage-layout.ts'
import type { Clock } from '../src/ports/clock.ts'
import type { Entropy } from '../src/ports/entropy.ts'
import type { GroupStore } from '../src/ports/group-store.ts'
import type { TopicStore } from '../src/ports/topic-store.ts'

const READ_UNIT_BYTES = 4096
const READS: readonly string[] = ['readGroup', 'readMember', 'readTargetChunk', 'readClaim', 'get']
/** Those that look before they write, as the adapter for DynamoDB does. */
const READS_FIRST: readonly string[] = ['createGroup']
const LISTINGS: readonly string[] = ['members', 'claims', 'groups', 'list']

type AnyMethod = (...args: unknown[]) => unknown

/** What one call of the broker asked of the stores. */
export class StoreCalls {
  reads = 0
  writes = 0
  listings = 0
  /** As DynamoDB counts strongly consistent reads: a unit for each 4 KiB. */
  readUnits = 0
  /** Targets that were worked out, whether or not they won. */
  targets = 0

  add(other: StoreCalls): void {
    this.reads += other.reads
    this.writes += other.writes
    this.listings += other.listings
    this.readUnits += other.readUnits
    this.targets += other.targets
  }
}

/** Stores that take their time, and count what each call of the broker asks of them. */
export class CountedGroups {
  readonly #clock: Clock
  readonly #entropy: Entropy
  readonly #storeMs: number
  readonly #calls = new AsyncLocalStorage<StoreCalls>()
  /** The largest item of each kind that was read or written, in bytes, as it stands in DynamoDB. */
  readonly largest = { group: 0, member: 0, 'target chunk': 0, claim: 0 }

  /** @param storeMs how long a read or a write takes on average: from half of it to half more */
  constructor(clock: Clock, entropy: Entropy, storeMs: number) {
    this.#clock = clock
    this.#entropy = entropy
    this.#storeMs = storeMs
  }

  /** What one call of the broker asks of the stores. */
  async count<T>(call: () => Promise<T>): Promise<{ answer: T; calls: StoreCalls }> {
    const calls = new StoreCalls()
    return { answer: await this.#calls.run(calls, call), calls }
  }

  watch<T extends GroupStore | TopicStore>(store: T): T {
    return new Proxy(store, {
      get: (_, name) => {
        const method = (Reflect.get(store, name, store) as AnyMethod).bind(store)
        if (LISTINGS.includes(String(name)))
          return (...args: unknown[]) => this.#list(method(...args) as AsyncIterable<unknown>)
        return (...args: unknown[]) => this.#call(String(name), args, () => method(...args))
      },
    })
  }

  async #call(name: string, args: readonly unknown[], call: () => unknown): Promise<unknown> {
    const calls = this.#calls.getStore()
    const isRead = READS.includes(name)
    if (calls && (isRead || READS_FIRST.includes(name))) calls.reads += 1
    if (calls && !isRead) calls.writes += 1
    if (calls && name === 'setTarget') calls.targets += 1
    await this.#wait()
    const result = await call()
    const bytes = this.#bytesOf(name, args, result)
    if (calls && isRead) calls.readUnits += Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES))
    return result
  }

  async *#list(items: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    await this.#wait()
    const calls = this.#calls.getStore()
    let bytes = 0
    for await (const item of items) {
      if (isMember(item)) bytes += this.#noteMember(item)
      else if (isClaim(item)) bytes += this.#noteClaim(item)
      yield item
    }
    if (!calls) return
    calls.listings += 1
    calls.readUnits += Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES))
  }

  #wait(): Promise<void> {
    return this.#clock.sleep(this.#storeMs * (0.5 + this.#entropy.fraction()))
  }

  #bytesOf(name: string, args: readonly unknown[], result: unknown): number {
    switch (name) {
      case 'readGroup':
        return result === undefined ? 0 : this.#note('group', itemBytes(encodeGroupItem(result as Group, '')))
      case 'readMember':
        return result === undefined ? 0 : this.#noteMember(result as Member)
      case 'readClaim':
        return result === undefined ? 0 : this.#noteClaim(result as Claim)
      case 'putTargetChunk': {
        const [groupId, targetId, chunk, shares] = args as Parameters<GroupStore['putTargetChunk']>
        return this.#note('target chunk', itemBytes(encodeTargetChunkItem(groupId, targetId, chunk, shares)))
      }
      case 'readTargetChunk':
        // Each was put before it is read.
        return this.largest['target chunk']
      default:
        return 0
    }
  }

  #noteMember(member: Member): number {
    return this.#note('member', itemBytes(encodeMemberItem('', member)))
  }

  #noteClaim(claim: Claim): number {
    const { owner, generation } = CLAIM_ATTRIBUTES
    return this.#note(
      'claim',
      itemBytes({
        ...claimItemKey('', claim),
        [generation]: number(claim.generation),
        ...(claim.owner !== null && { [owner]: { S: claim.owner } }),
      }),
    )
  }

  #note(kind: keyof CountedGroups['largest'], bytes: number): number {
    this.largest[kind] = Math.max(this.largest[kind], bytes)
    return bytes
  }
}

function isMember(item: unknown): item is Member {
  return typeof item === 'object' && item !== null && 'incarnation' in item
}

function isClaim(item: unknown): item is Claim {
  return typeof item === 'object' && item !== null && 'committed' in item
}
