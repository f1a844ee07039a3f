import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TRANSACTION_CHUNK_BYTES_MAX, TRANSACTIONAL_ID_CHARACTERS_MAX } from '../../src/core/limits.ts'
import type { IndexEntry } from '../../src/core/log/entry.ts'
import { partitionKey } from '../../src/core/topic/partition-id.ts'
import { initProducer } from '../../src/core/transaction/changes/init-producer.ts'
import { isRefusal, type StagedChunk, type Transaction } from '../../src/core/transaction/transaction.ts'
import type { TransactionStore } from '../../src/ports/transaction-store.ts'
import { freshId, freshPartition, inlineEntry, objectEntry, plainEntry } from './samples.ts'

export interface OpenedTransactionStore {
  readonly transactions: TransactionStore
  close(): Promise<void>
}

const NOW_MS = 1_750_000_000_000

function newTransaction(transactionalId: string): Transaction {
  const made = initProducer(undefined, { transactionalId, timeoutMs: 60_000 }, 7n, NOW_MS)
  if (isRefusal(made)) throw new Error(made.message)
  return { ...made, version: freshId() }
}

/** One with something of everything. */
function fullTransaction(transactionalId: string): Transaction {
  const [one, two] = [freshPartition(3), freshPartition(9_999)]
  const producers = [{ producerId: -5n, epoch: 32_766, sequence: 2 ** 31 - 3, records: 3, spanBefore: 0 }]
  return {
    ...newTransaction(transactionalId),
    producerId: -5n,
    epoch: 32_766,
    bumpedFrom: { producerId: 2n ** 62n, epoch: 32_765 },
    number: 12,
    begunBy: { producerId: -5n, epoch: 32_765 },
    state: 'committing',
    startedMs: NOW_MS + 1,
    updatedMs: NOW_MS + 2,
    floor: 4,
    partitions: [
      {
        ...one,
        topic: 'orders',
        runs: [inlineEntry(3, { producers }), objectEntry(3, { producers })],
        spilled: [{ sequence: 0, records: 9 }],
      },
      { ...two, topic: 'Größe', runs: [], spilled: [] },
    ],
    chunks: [
      { id: freshId(), runs: 3, bytes: 900, oldestEpoch: 0 },
      { id: freshId(), runs: 4, bytes: 2 ** 33, oldestEpoch: undefined },
    ],
    sequences: new Map([
      [partitionKey(one), 2 ** 31 - 1],
      [partitionKey(freshPartition(0)), 0],
    ]),
    offsets: [
      { groupId: 'a/b', ...two },
      { groupId: '', ...one },
    ],
    done: [partitionKey(two)],
  }
}

function plainTransaction(transaction: Transaction | undefined): unknown {
  const partitions = transaction?.partitions.map(each => ({ ...each, runs: each.runs.map(plainEntry) }))
  return transaction && { ...transaction, partitions }
}

function plainChunk(chunk: StagedChunk | undefined): unknown {
  const partitions = chunk?.partitions.map(each => ({ ...each, runs: each.runs.map(plainEntry) }))
  return chunk && { ...chunk, partitions }
}

function chunkOf(
  number: number,
  runs: readonly IndexEntry[] = [inlineEntry(2), objectEntry(1)],
): StagedChunk {
  return { id: freshId(), number, partitions: [{ ...freshPartition(3), runs }] }
}

/** What every TransactionStore promises. The store is opened once, and need not be empty nor used by nobody else. */
export function describeTransactionStore(name: string, open: () => Promise<OpenedTransactionStore>): void {
  describe(`${name} as a transaction store`, () => {
    let opened: OpenedTransactionStore
    let store: TransactionStore
    let id: string

    beforeAll(async () => {
      opened = await open()
      store = opened.transactions
    })
    beforeEach(() => {
      id = `conformance-${freshId()}`
    })
    afterAll(async () => {
      await opened.close()
    })

    const anew = (transaction: Transaction, changes: Partial<Transaction> = {}): Transaction => ({
      ...transaction,
      ...changes,
      version: freshId(),
    })

    async function listed(prefix: string, after?: string): Promise<string[]> {
      const found: string[] = []
      for await (const each of store.registered(after)) if (each.startsWith(prefix)) found.push(each)
      return found
    }

    test('a transaction comes back as it was put', async () => {
      expect(await store.read(id)).toBeUndefined()
      for (const made of [newTransaction(id), fullTransaction(id)]) {
        const before = await store.read(id)
        const put = await store.put(made, before?.version)
        expect([put.held, plainTransaction(put.transaction)]).toEqual([true, plainTransaction(made)])
        expect(plainTransaction(await store.read(id))).toEqual(plainTransaction(made))
      }
    })

    test('it is put on condition of the version before, and told which one stands', async () => {
      const first = newTransaction(id)
      expect(await store.put(first, freshId())).toEqual({ held: false, transaction: undefined })
      await store.put(first, undefined, 'in order')
      expect(await store.put(newTransaction(id), undefined)).toEqual({ held: false, transaction: first })
      const second = anew(first, { state: 'open', number: 1 })
      expect(await store.put(second, first.version)).toEqual({ held: true, transaction: second })
      // Comes late.
      expect(await store.put(anew(first), first.version)).toEqual({ held: false, transaction: second })
      expect(await store.read(id)).toEqual(second)
    })

    test('whoever repeats a put is told that it has landed', async () => {
      const first = newTransaction(id)
      await store.put(first, undefined)
      expect(await store.put(first, undefined)).toEqual({ held: true, transaction: first })
      const second = anew(first)
      await store.put(second, first.version)
      expect(await store.put(second, first.version)).toEqual({ held: true, transaction: second })
      expect((await store.put(first, undefined)).held).toBe(false)
    })

    test('of twenty changes at once one is put', async () => {
      const first = newTransaction(id)
      await store.put(first, undefined)
      const others = Array.from({ length: 20 }, (_, number) => anew(first, { number }))
      const puts = await Promise.all(others.map(each => store.put(each, first.version)))
      expect(puts.filter(({ held }) => held)).toHaveLength(1)
      const winner = others[puts.findIndex(({ held }) => held)]
      for (const { transaction } of puts) expect(transaction).toEqual(winner)
    })

    test('an id can have any characters, and no two are taken for one another', async () => {
      const odd = ['a', 'a/b', 'a%2Fb', 'a#b', 'a b', 'ü€😀', 'a\u0000', 'a\u0001', '/', '%'].map(
        end => `${id}${end}`,
      )
      const long = '€'.repeat(TRANSACTIONAL_ID_CHARACTERS_MAX - id.length)
      for (const each of [...odd, `${id}${long}`]) {
        await store.register(each)
        await store.put(newTransaction(each), undefined)
      }
      for (const each of [...odd, `${id}${long}`])
        expect((await store.read(each))?.transactionalId).toBe(each)
      const all = [...odd, `${id}${long}`].map(each => Buffer.from(each)).sort(Buffer.compare)
      expect(await listed(id)).toEqual(all.map(String))
      for (const [place, after] of all.entries()) {
        expect(await listed(id, String(after))).toEqual(all.slice(place + 1).map(String))
      }
      await expect(async () => await store.read(`${id}\ud800`)).rejects.toThrow(RangeError)
    })

    test('chunks come back, by their transactions and ids', async () => {
      const producers = [{ producerId: 7n, epoch: 0, sequence: 0, records: 2, spanBefore: 0 }]
      const chunks = [chunkOf(1), chunkOf(1, [inlineEntry(2, { producers })]), chunkOf(10)]
      for (const chunk of chunks) {
        expect(await store.readChunk(id, chunk)).toBeUndefined()
        await store.putChunk(id, chunk)
        await store.putChunk(id, chunk)
      }
      for (const chunk of chunks) {
        expect(plainChunk(await store.readChunk(id, chunk))).toEqual(plainChunk(chunk))
        expect(await store.readChunk(`${id}2`, chunk)).toBeUndefined()
        expect(await store.readChunk(id, { ...chunk, number: 2 })).toBeUndefined()
      }
    })

    test('a chunk has room for what a limit allows', async () => {
      const payload = new Uint8Array(TRANSACTION_CHUNK_BYTES_MAX).fill(7)
      const chunk = chunkOf(1, [
        inlineEntry(1, { bytes: payload.length, place: { kind: 'inline', payload } }),
      ])
      await store.putChunk(id, chunk)
      expect(plainChunk(await store.readChunk(id, chunk))).toEqual(plainChunk(chunk))
    })

    test('the chunks of earlier transactions go, and no others', async () => {
      const [early, old, present] = [chunkOf(1), chunkOf(9), chunkOf(10)]
      const other = chunkOf(1)
      await store.putChunk(`${id}2`, other)
      for (const chunk of [early, old, present]) await store.putChunk(id, chunk)
      await store.put(newTransaction(id), undefined)
      await store.removeChunksBelow(id, 10)
      await store.removeChunksBelow(id, 10)
      expect(await store.readChunk(id, early)).toBeUndefined()
      expect(await store.readChunk(id, old)).toBeUndefined()
      expect((await store.readChunk(id, present))?.id).toBe(present.id)
      expect((await store.readChunk(`${id}2`, other))?.id).toBe(other.id)
      expect((await store.read(id))?.transactionalId).toBe(id)
    })

    test('what is removed is gone, with its chunks and from the list', async () => {
      await store.register(id)
      const made = anew(newTransaction(id), { number: 3 })
      await store.put(made, undefined)
      const chunks = [chunkOf(1), chunkOf(3)]
      for (const chunk of chunks) await store.putChunk(id, chunk)
      expect(await store.remove(id, made)).toBe(true)
      expect(await store.read(id)).toBeUndefined()
      for (const chunk of chunks) expect(await store.readChunk(id, chunk)).toBeUndefined()
      expect(await listed(id)).toEqual([])
      expect(await store.remove(id, made)).toBe(true)
      // It can be made anew.
      expect((await store.put(newTransaction(id), undefined)).held).toBe(true)
    })

    test('it stays where it is not the one that was read', async () => {
      await store.register(id)
      const made = newTransaction(id)
      await store.put(made, undefined)
      expect(await store.remove(id, anew(made))).toBe(false)
      expect(await store.remove(id, undefined)).toBe(false)
      expect(await store.read(id)).toEqual(made)
      expect(await listed(id)).toEqual([id])
    })

    test('an id that nothing was made of leaves the list', async () => {
      await store.register(id)
      await store.register(id)
      expect(await listed(id)).toEqual([id])
      expect(await store.remove(id, undefined)).toBe(true)
      expect(await listed(id)).toEqual([])
    })

    test('whoever makes one while it is removed is on the list, as he lists it before and after', async () => {
      for (let round = 0; round < 10; round += 1) {
        const transactionalId = `${id}-${round}`
        const made = newTransaction(transactionalId)
        await store.register(transactionalId)
        await store.put(made, undefined)
        const makeAnew = async () => {
          const standing = await store.read(transactionalId)
          if (!standing) await store.register(transactionalId)
          const { held } = await store.put(newTransaction(transactionalId), standing?.version)
          if (!standing) await store.register(transactionalId)
          return held
        }
        await Promise.all([store.remove(transactionalId, made), makeAnew()])
        const isThere = (await store.read(transactionalId)) !== undefined
        if (isThere) expect(await listed(transactionalId)).toEqual([transactionalId])
      }
    })
  })
}
