import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PendingOffset } from '../../src/core/group/group.ts'
import type { IndexEntry } from '../../src/core/log/entry.ts'
import { toOffset } from '../../src/core/numbers.ts'
import type { PartitionId } from '../../src/core/topic/partition-id.ts'
import { initProducer } from '../../src/core/transaction/changes/init-producer.ts'
import { isRefusal, type Transaction } from '../../src/core/transaction/transaction.ts'
import type { GroupStore } from '../../src/ports/group-store.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'
import type { DecidedAppend, DecidedOffset, TransactionStore } from '../../src/ports/transaction-store.ts'
import { freshId, freshPartition, inlineEntry } from './samples.ts'

export interface OpenedTransactionEffects {
  readonly transactions: TransactionStore
  readonly index: LogIndex
  readonly groups: GroupStore
  close(): Promise<void>
}

const NOW_MS = 1_750_000_000_000
const ZERO = toOffset(0)
const NEWCOMER = new Set([7n])

function run(sequence: number, records: number): IndexEntry {
  return inlineEntry(records, { producers: [{ producerId: 7n, epoch: 0, sequence, records, spanBefore: 0 }] })
}

/** What every TransactionStore promises that takes what a transaction does elsewhere, in one step. */
export function describeTransactionEffects(
  name: string,
  open: () => Promise<OpenedTransactionEffects>,
): void {
  describe(`${name} as a store of transactions with all that they do`, () => {
    let opened: OpenedTransactionEffects
    let put: NonNullable<TransactionStore['putWithEffects']>
    let standing: Transaction
    let groupId: string

    beforeAll(async () => {
      opened = await open()
      put = opened.transactions.putWithEffects!
    })
    beforeEach(async () => {
      const wanted = { transactionalId: `conformance-${freshId()}`, timeoutMs: 60_000 }
      const made = initProducer(undefined, wanted, 7n, NOW_MS)
      if (isRefusal(made)) throw new Error(made.message)
      standing = { ...made, version: freshId() }
      await opened.transactions.put(standing, undefined)
      groupId = `conformance-${freshId()}`
      await opened.groups.createGroup(groupId, 'range')
    })
    afterAll(async () => {
      await opened.close()
    })

    const anew = (): Transaction => ({ ...standing, state: 'committed', number: 1, version: freshId() })

    async function append(entries: readonly IndexEntry[], isMade = true): Promise<DecidedAppend> {
      const partition = freshPartition()
      if (isMade) await opened.index.createHead(partition, 0)
      return { partition, entries, seen: ZERO, newcomers: NEWCOMER }
    }

    async function pending(): Promise<DecidedOffset> {
      const partition = freshPartition()
      const version = freshId()
      const offset: PendingOffset = {
        transactionId: '7-0-1',
        transactionalId: standing.transactionalId,
        version,
        offset: toOffset(5),
        leaderEpoch: -1,
        metadata: '',
      }
      await opened.groups.setPending(groupId, partition, offset, 'unowned', null, null)
      const committed = { offset: offset.offset, leaderEpoch: -1, metadata: '', committedMs: NOW_MS }
      return { groupId, ...partition, version, committed }
    }

    const endOf = async (partition: PartitionId) => (await opened.index.readHead(partition))?.nextOffset
    const committedIn = async (place: DecidedOffset) => {
      const claim = await opened.groups.readClaim(groupId, place)
      return [claim?.committed?.offset, claim?.pending?.version]
    }

    test('all of it is there, and the heads are told', async () => {
      const appends = [await append([run(0, 3), run(3, 1)]), await append([run(0, 2)])]
      await opened.index.append(appends[1]!.partition, inlineEntry(10), ZERO)
      const offsets = [await pending(), await pending()]
      const transaction = anew()
      const outcome = await put(transaction, standing.version, { appends, offsets })
      expect(outcome).toMatchObject({
        kind: 'put',
        transaction,
        heads: [{ nextOffset: 4 }, { nextOffset: 12 }],
      })
      expect(await opened.transactions.read(standing.transactionalId)).toEqual(transaction)
      expect(await Promise.all(appends.map(({ partition }) => endOf(partition)))).toEqual([4, 12])
      for (const place of offsets) expect(await committedIn(place)).toEqual([5, undefined])
      // What it appended takes part in what comes after.
      const again = await opened.index.appendDecided(appends[0]!.partition, [run(0, 3)], ZERO, NEWCOMER)
      expect(again.kind).toBe('refused')
    })

    test('it may do nothing elsewhere, and be the first of its id', async () => {
      const other = { ...standing, transactionalId: `${standing.transactionalId}-2` }
      const nothing = { appends: [], offsets: [] }
      expect((await put(other, undefined, nothing)).kind).toBe('put')
      expect((await put(anew(), standing.version, nothing)).kind).toBe('put')
    })

    test('another transaction than was expected is told, and nothing is done', async () => {
      const appends = [await append([run(0, 3)])]
      const refused = await put(anew(), freshId(), { appends, offsets: [] })
      expect(refused).toEqual({ kind: 'refused', transaction: standing })
      const missing = { ...anew(), transactionalId: `${standing.transactionalId}-2` }
      expect(await put(missing, standing.version, { appends, offsets: [] })).toEqual({ kind: 'refused' })
      expect(await endOf(appends[0]!.partition)).toBe(0)
    })

    test('who repeats it finds what he put, and nothing is done again', async () => {
      const effects = { appends: [await append([run(0, 3)])], offsets: [await pending()] }
      const transaction = anew()
      await put(transaction, standing.version, effects)
      expect(await put(transaction, standing.version, effects)).toEqual({ kind: 'refused', transaction })
      expect(await endOf(effects.appends[0]!.partition)).toBe(3)
    })

    test.each([
      ['a head that has it', async () => await doneBefore(), undefined],
      ['a head that is not there', async () => await append([run(0, 1)], false), undefined],
      ['a head that was removed', async () => await removed(), undefined],
      [
        'a producer that is no newcomer',
        async () => ({ ...(await append([run(0, 1)])), newcomers: new Set<bigint>() }),
        undefined,
      ],
      ['a claim without it', undefined, async () => ({ ...(await pending()), version: freshId() })],
      ['a claim that is not there', undefined, async () => ({ ...(await pending()), ...freshPartition() })],
      ['a claim with a later commit', undefined, async () => await overtaken()],
    ])('with %s nothing is done', async (_, makeAppend, makeOffset) => {
      const appends = [await append([run(0, 3)]), ...(makeAppend ? [await makeAppend()] : [])]
      const offsets = [await pending(), ...(makeOffset ? [await makeOffset()] : [])]
      const outcome = await put(anew(), standing.version, { appends, offsets })
      expect(outcome).toEqual({ kind: 'in steps' })
      expect(await opened.transactions.read(standing.transactionalId)).toEqual(standing)
      expect(await endOf(appends[0]!.partition)).toBe(0)
      expect(await committedIn(offsets[0]!)).toEqual([undefined, offsets[0]!.version])
    })

    async function doneBefore(): Promise<DecidedAppend> {
      const made = await append([run(0, 1)])
      await opened.index.appendDecided(made.partition, made.entries, ZERO, NEWCOMER)
      return made
    }

    async function removed(): Promise<DecidedAppend> {
      const made = await append([run(0, 1)])
      await opened.index.removePartition(made.partition)
      return made
    }

    async function overtaken(): Promise<DecidedOffset> {
      const place = await pending()
      await opened.groups.commit(
        groupId,
        place,
        { ...place.committed, committedMs: NOW_MS + 1 },
        'unowned',
        null,
      )
      return place
    }

    test('of twenty at once one is put, with all that it does', async () => {
      const effects = { appends: [await append([run(0, 3)])], offsets: [await pending()] }
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => put(anew(), standing.version, effects)),
      )
      expect(outcomes.map(({ kind }) => kind).filter(kind => kind === 'put')).toHaveLength(1)
      expect(await endOf(effects.appends[0]!.partition)).toBe(3)
    })

    test('what leaves no receipt is a mistake', async () => {
      const effects = { appends: [await append([inlineEntry(1)])], offsets: [] }
      await expect(put(anew(), standing.version, effects)).rejects.toThrow(RangeError)
      expect(await opened.transactions.read(standing.transactionalId)).toEqual(standing)
    })
  })
}
