import { DECISIONS } from '../../src/adapters/items/decisions.ts'
import type { Transaction } from '../../src/core/transaction/transaction.ts'
import type { TransactionStore } from '../../src/ports/transaction-store.ts'
import { ofIndex, type PlantedDefect, type PlantPorts, withMethods } from './planted-defect.ts'

/** Those who make transactions, and whatever goes on beside them. */
export const TRANSACTION_ACTORS = ['transactions', 'writers', 'flushes', 'upkeep']

const TRANSACTIONS = { actors: ['transactions', 'flushes'], seeds: 500 }
const PROCESSORS = { actors: ['processors'], seeds: 500 }
const DRAINED = { actors: TRANSACTION_ACTORS, seeds: 1_000 }
const { applyDecided, applyOwner, applyPending, applyResolution } = DECISIONS

/** What is broken of transactions. */
export const TRANSACTION_DEFECTS: Readonly<Record<string, PlantedDefect>> = {
  'what was decided is appended without a receipt': {
    ...TRANSACTIONS,
    message: /^doubled/,
    decisions: {
      applyDecided: (head, entries, seen) => {
        const ids = new Set(entries.flatMap(({ producers }) => producers.map(({ producerId }) => producerId)))
        return applyDecided({ ...head, producers: new Map() }, entries, seen, ids)
      },
    },
  },
  'what was decided is appended run by run': {
    ...TRANSACTIONS,
    message: /^torn/,
    ports: ofIndex(
      () => index =>
        withMethods(index, {
          appendDecided: async (partition, entries, seen, newcomers) => {
            const [first, ...others] = entries
            const outcome = await index.appendDecided(partition, [first!], seen, newcomers)
            if (others.length === 0 || outcome.kind !== 'appended') return outcome
            return await index.appendDecided(partition, others, outcome.head.nextOffset)
          },
        }),
    ),
  },
  'a transaction is put whatever it has become since': {
    ...TRANSACTIONS,
    message: /^back|^decided twice|^fenced|^torn|^lost|^untrue|^doubled|^two producers|has a part/,
    ports: ofTransactions(store => ({
      put: async transaction => {
        const standing = await store.read(transaction.transactionalId)
        return await store.put(transaction, standing?.version)
      },
    })),
  },
  'a decision does not look at the epoch': {
    ...TRANSACTIONS,
    message: /^back|^decided twice|^fenced|^undecided|^torn|^untrue|^lost|^doubled/,
    ports: ofTransactions(store => ({
      put: async (transaction, expected, lasting) => {
        const standing = await store.read(transaction.transactionalId)
        const isOther = standing !== undefined && standing.version !== expected
        const decides = transaction.state === 'committing' && standing?.number === transaction.number
        if (!isOther || !decides || standing.version === transaction.version) {
          return await store.put(transaction, expected, lasting)
        }
        return await store.put(transaction, standing.version, lasting)
      },
    })),
  },
  'a transaction is over before it is in its logs': {
    ...TRANSACTIONS,
    message: /^torn|^lost|^late/,
    ports: onPut(transaction =>
      transaction.state === 'committing'
        ? { ...transaction, state: 'committed', partitions: [], chunks: [], offsets: [] }
        : transaction,
    ),
  },
  'what is staged goes when it is decided': {
    ...TRANSACTIONS,
    message: /^dangling/,
    ports: ofTransactions(store => ({
      put: async (transaction, expected, lasting) => {
        const put = await store.put(transaction, expected, lasting)
        if (put.held && transaction.state === 'committing') {
          await store.removeChunksBelow(transaction.transactionalId, transaction.number + 1)
        }
        return put
      },
    })),
  },
  'producers do not say which transaction they mean': {
    ...TRANSACTIONS,
    seeds: 3_000,
    message: /^torn|^untrue|^lost|INVALID_TXN_STATE|cannot/,
    clients: { sendNumbers: false },
  },
  'a floor is not raised in transactions': {
    ...DRAINED,
    message: /^undrained/,
    ports: onPut((transaction, standing) => ({ ...transaction, floor: standing?.floor ?? 0 })),
  },
  'a transactional id is not listed': {
    ...DRAINED,
    message: /^undrained|^dangling/,
    ports: ofTransactions(() => ({ register: async () => {} })),
  },
  'a round does not wait for what is staged': {
    ...DRAINED,
    message: /^undrained|^dangling/,
    ports: () => (ports, process) =>
      process.startsWith('upkeep')
        ? {
            ...ports,
            transactions: withMethods(ports.transactions, {
              read: async id => {
                const found = await ports.transactions.read(id)
                return found?.state === 'open' ? { ...found, partitions: [], chunks: [] } : found
              },
              put: async (transaction, expected, lasting) => {
                const found = await ports.transactions.read(transaction.transactionalId)
                if (found?.state !== 'open')
                  return await ports.transactions.put(transaction, expected, lasting)
                const { partitions, chunks } = found
                return await ports.transactions.put({ ...transaction, partitions, chunks }, expected, lasting)
              },
            }),
          }
        : ports,
  },
  'an offset pends whoever owns the partition': {
    ...PROCESSORS,
    message: /^fenced|^twice read/,
    decisions: {
      applyPending: (partition, standing, pending, by, ...seen) =>
        applyPending(
          partition,
          standing,
          pending,
          by === 'unowned' || standing?.owner == null
            ? by
            : { owner: standing.owner, generation: standing.generation },
          ...seen,
        ),
    },
  },
  'a change of owner drops what is pending': {
    ...PROCESSORS,
    message: /^lost|^twice read/,
    decisions: {
      applyOwner: (...args) => {
        const claim = applyOwner(...args)
        if (!claim) return undefined
        const { pending: _, ...others } = claim
        return others
      },
    },
  },
  'an offset pends again that counted before': {
    actors: ['transactions'],
    seeds: 500,
    message: /^doubled|^twice read|^back/,
    decisions: {
      applyPending: (partition, standing, pending, by, seen) =>
        applyPending(partition, standing, pending, by, seen, standing?.committed?.committedMs ?? null),
    },
  },
  'what is pending counts, however its transaction ends': {
    ...TRANSACTIONS,
    message: /^undecided|^twice read/,
    decisions: {
      applyResolution: (standing, version, committed) => {
        const { offset, leaderEpoch, metadata } = standing?.pending ?? {}
        if (committed || offset === undefined) return applyResolution(standing, version, committed)
        const committedMs = (standing?.committed?.committedMs ?? 0) + 1
        const counted = { offset, leaderEpoch: leaderEpoch ?? -1, metadata: metadata ?? '', committedMs }
        return applyResolution(standing, version, counted)
      },
    },
  },
}

/** Puts something else in the place of some methods of each process's transactions. */
function ofTransactions(wrap: (store: TransactionStore) => Partial<TransactionStore>): PlantPorts {
  return () => ports => ({
    ...ports,
    transactions: withMethods(ports.transactions, wrap(ports.transactions)),
  })
}

/** Has something else put than what somebody puts. */
function onPut(
  other: (transaction: Transaction, standing: Transaction | undefined) => Transaction,
): PlantPorts {
  return ofTransactions(store => ({
    put: async (transaction, expected, lasting) => {
      const standing = await store.read(transaction.transactionalId)
      return await store.put(other(transaction, standing), expected, lasting)
    },
  }))
}
