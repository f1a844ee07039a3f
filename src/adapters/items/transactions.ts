import { randomUUID } from 'node:crypto'
import {
  stagedFrom,
  stagedKey,
  TRANSACTION_STATE_KEY,
  TRANSACTIONS_KEY,
  transactionKey,
} from '../../core/storage-transactions.ts'
import {
  decodeChunk,
  decodeTransaction,
  encodeChunk,
  encodeTransaction,
} from '../../core/transaction/transaction-bytes.ts'
import { meaningOf } from '../../ports/damaged-item.ts'
import type { TransactionStore } from '../../ports/transaction-store.ts'
import { endOf, type Items, joinKey, splitKey } from './items.ts'
import { TypedItems } from './typed-items.ts'

/** An entry of the list of transactional ids: new with each write. */
interface Listed {
  readonly version: string
}

const LIST_PAGE = 1_000

/** Transactions over sorted items. */
export function transactionsOver(items: Items): TransactionStore {
  const transactions = new TypedItems(items, encodeTransaction, decodeTransaction)
  const listed = new TypedItems<Listed>(items)
  const chunkKey = (transactionalId: string, chunk: { readonly number: number; readonly id: string }) =>
    itemKey(transactionalId, stagedKey(chunk))

  const removeChunksBelow = (transactionalId: string, number: number) =>
    items.removeRange(itemKey(transactionalId, stagedFrom(0)), itemKey(transactionalId, stagedFrom(number)))

  return {
    read: transactionalId => transactions.read(stateKey(transactionalId)),
    put: async (transaction, expected, lasting) => {
      const { standing, changed } = await transactions.change(
        stateKey(transaction.transactionalId),
        found => (found?.version === expected ? transaction : undefined),
        lasting,
      )
      const isThere = standing?.version === transaction.version
      return { held: changed !== undefined || isThere, transaction: changed ?? standing }
    },
    putChunk: async (transactionalId, chunk) => {
      const put = encodeChunk(chunk)
      await items.update(chunkKey(transactionalId, chunk), () => ({ put, answer: undefined }))
    },
    readChunk: async (transactionalId, chunk) => {
      const key = chunkKey(transactionalId, chunk)
      const bytes = await items.get(key)
      return bytes && meaningOf(key, () => decodeChunk(chunk, bytes))
    },
    removeChunksBelow,
    register: transactionalId => listed.put(listedKey(transactionalId), { version: randomUUID() }),
    registered: async function* (after) {
      const end = endOf(listedKey(''))
      // No key has anything that sorts below a blank.
      let from = after === undefined ? listedKey('') : `${listedKey(after)}\0`
      for (;;) {
        const page = await items.range(from, end, LIST_PAGE)
        for (const { key } of page) yield splitKey(key).sortKey
        if (page.length < LIST_PAGE) return
        from = `${page.at(-1)!.key}\0`
      }
    },
    /**
     * The list is read first: whoever makes the item anew has listed it after that. The chunks go before the item, since one that is
     * made anew counts from the beginning.
     */
    remove: async (transactionalId, standing) => {
      const before = await listed.read(listedKey(transactionalId))
      if (standing) await removeChunksBelow(transactionalId, standing.number + 1)
      const isGone = await items.update(stateKey(transactionalId), bytes => {
        if (!bytes) return { answer: true }
        const isStill = transactions.meaning(bytes, stateKey(transactionalId)).version === standing?.version
        return { isRemoved: isStill, answer: isStill }
      })
      if (isGone && before)
        await listed.remove(listedKey(transactionalId), ({ version }) => version === before.version)
      return isGone
    },
  }
}

function itemKey(transactionalId: string, sortKey: string): string {
  return joinKey(transactionKey(transactionalId), sortKey)
}

export function stateKey(transactionalId: string): string {
  return itemKey(transactionalId, TRANSACTION_STATE_KEY)
}

function listedKey(transactionalId: string): string {
  return joinKey(TRANSACTIONS_KEY, transactionalId)
}
