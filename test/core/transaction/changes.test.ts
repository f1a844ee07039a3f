import { describe, expect, test } from 'vitest'
import {
  PRODUCER_ENTRIES_KEPT,
  PRODUCER_EPOCHS_MAX,
  TRANSACTION_CHUNK_BYTES_MAX,
  TRANSACTION_CHUNK_ITEMS_MAX,
  TRANSACTION_INLINE_BYTES_MAX,
  TRANSACTION_OFFSET_ITEMS_MAX,
  TRANSACTION_PARTITIONS_MAX,
  TRANSACTION_RUNS_MAX,
  TRANSACTION_SEQUENCE_ITEMS_MAX,
  TRANSACTION_TIMEOUT_MS_MAX,
} from '../../../src/core/limits.ts'
import { encodeEntry } from '../../../src/core/log/entry.ts'
import { addOffsets } from '../../../src/core/transaction/changes/add-offsets.ts'
import { addPartitions } from '../../../src/core/transaction/changes/add-partitions.ts'
import { end, isDone } from '../../../src/core/transaction/changes/end.ts'
import { finished, noteDone } from '../../../src/core/transaction/changes/finish.ts'
import { initProducer } from '../../../src/core/transaction/changes/init-producer.ts'
import { oldestEpoch, withFloor } from '../../../src/core/transaction/changes/raise-floor.ts'
import { isFull, spill } from '../../../src/core/transaction/changes/spill.ts'
import { type RunToStage, type Staged, stage } from '../../../src/core/transaction/changes/stage.ts'
import { abortedByForce, timedOut } from '../../../src/core/transaction/changes/time-out.ts'
import { stagedRuns } from '../../../src/core/transaction/staged-runs.ts'
import {
  deadlineMs,
  isRefusal,
  relationOf,
  type StagedChunk,
  type Transaction,
  transactionIdOf,
} from '../../../src/core/transaction/transaction.ts'
import {
  BILLS,
  changed,
  empty,
  idOf,
  inObject,
  ME,
  NOW_MS,
  ORDERS,
  refusal,
  runOf,
  toStage,
} from './samples.ts'

const LATER_MS = NOW_MS + 5
const WANTED = { transactionalId: 'shop', timeoutMs: 60_000 }
const PLACE = { groupId: 'g', topicId: 'o', partition: 0 }

function open(partitions = [ORDERS]): Transaction {
  return changed(addPartitions(empty(), ME, partitions, NOW_MS))
}

function tryStage(standing: Transaction, runs: readonly RunToStage[], adds = false, caller = ME): Staged {
  const outcome = stage(standing, caller, runs, adds, LATER_MS)
  if ('kafkaName' in outcome) throw new Error(outcome.message)
  return outcome
}

function staged(standing: Transaction, ...runs: readonly RunToStage[]): Transaction {
  const { transaction, refusals } = tryStage(standing, runs)
  expect([...refusals.values()]).toEqual([])
  return transaction
}

/** Why each partition's runs were not staged. */
function reasons(standing: Transaction, ...runs: readonly RunToStage[]): string[] {
  const { transaction, refusals } = tryStage(standing, runs)
  if (refusals.size === runs.length) expect(transaction).toBe(standing)
  return [...refusals.values()].map(({ kafkaName }) => kafkaName)
}

describe('a producer', () => {
  test('is new under epoch 0, and has begun nothing', () => {
    const made = empty()
    expect(made).toMatchObject({ ...ME, state: 'empty', number: 0, timeoutMs: 60_000, bumpedFrom: null })
    expect([made.startedMs, made.updatedMs]).toEqual([NOW_MS, NOW_MS])
  })

  test.each([0, -1, 1.5, TRANSACTION_TIMEOUT_MS_MAX + 1])('has no time-out of %s ms', timeoutMs => {
    const outcome = initProducer(undefined, { ...WANTED, timeoutMs }, 7n, NOW_MS)
    expect(refusal(outcome)).toBe('INVALID_TRANSACTION_TIMEOUT')
  })

  test('that comes after another has its next epoch, and its sequences begin anew', () => {
    const before = finished(changed(end(staged(open(), toStage(runOf(0, 3))), ME, true, LATER_MS)), LATER_MS)
    expect(before.sequences.size).toBe(1)
    const next = changed(initProducer(before, { ...WANTED, timeoutMs: 5 }, 8n, LATER_MS))
    expect(next).toMatchObject({ producerId: 7n, epoch: 1, state: 'empty', timeoutMs: 5, number: 1 })
    expect(next.sequences.size).toBe(0)
    expect(refusal(addPartitions(next, ME, [ORDERS], LATER_MS))).toBe('PRODUCER_FENCED')
    expect(refusal(end(next, ME, true, LATER_MS))).toBe('PRODUCER_FENCED')
    expect(refusal(addOffsets(next, ME, [PLACE], LATER_MS))).toBe('PRODUCER_FENCED')
    expect(stage(next, ME, [toStage(runOf(3, 1))], true, LATER_MS)).toMatchObject({
      kafkaName: 'INVALID_PRODUCER_EPOCH',
    })
  })

  test('has another id once its epochs are used up', () => {
    const last = empty({ epoch: PRODUCER_EPOCHS_MAX })
    const next = changed(initProducer(last, WANTED, 8n, LATER_MS))
    expect([next.producerId, next.epoch]).toEqual([8n, 0])
    expect(
      refusal(addPartitions(next, { producerId: 7n, epoch: PRODUCER_EPOCHS_MAX }, [ORDERS], NOW_MS)),
    ).toBe('INVALID_PRODUCER_ID_MAPPING')
  })

  test('finds a transaction open: it is to be aborted under the new epoch, and nothing is left of it then', () => {
    const standing = changed(addOffsets(staged(open(), toStage(runOf(0, 3))), ME, [PLACE], NOW_MS))
    const id = transactionIdOf(standing)
    const aborting = changed(initProducer(standing, WANTED, 8n, LATER_MS))
    expect(aborting).toMatchObject({ epoch: 1, state: 'aborting', number: 1, offsets: [PLACE] })
    expect(transactionIdOf(aborting)).toBe(id)
    expect(refusal(initProducer(aborting, WANTED, 8n, LATER_MS))).toBe('CONCURRENT_TRANSACTIONS')
    expect(refusal(end(aborting, ME, true, LATER_MS))).toBe('PRODUCER_FENCED')
    const over = finished(aborting, LATER_MS)
    expect(over).toMatchObject({ state: 'empty', epoch: 1, partitions: [], offsets: [], chunks: [] })
    // The new one cannot end what another began.
    expect(refusal(end(over, { ...ME, epoch: 1 }, false, LATER_MS))).toBe('INVALID_TXN_STATE')
    expect(changed(initProducer(over, WANTED, 8n, LATER_MS)).epoch).toBe(2)
  })

  test.each([true, false])('finds one decided, which is to be finished first (commit: %s)', commit => {
    const decided = changed(end(changed(addOffsets(open(), ME, [PLACE], NOW_MS)), ME, commit, LATER_MS))
    expect(refusal(initProducer(decided, WANTED, 8n, LATER_MS))).toBe('CONCURRENT_TRANSACTIONS')
    expect(changed(initProducer(finished(decided, LATER_MS), WANTED, 8n, LATER_MS)).epoch).toBe(1)
  })

  test('asks for its own next epoch, again and again until it has heard', () => {
    const wanted = { ...WANTED, producer: ME }
    const next = changed(initProducer(empty(), wanted, 8n, LATER_MS))
    expect(next).toMatchObject({ epoch: 1, bumpedFrom: ME })
    expect(initProducer(next, wanted, 9n, LATER_MS)).toBe(next)
    const begun = changed(addPartitions(next, { ...ME, epoch: 1 }, [ORDERS], LATER_MS))
    expect(refusal(initProducer(begun, wanted, 9n, LATER_MS))).toBe('PRODUCER_FENCED')
  })

  test('that asks for its own next epoch is told to wait while its transaction is aborted', () => {
    const wanted = { ...WANTED, producer: ME }
    const aborting = changed(initProducer(open(), wanted, 8n, LATER_MS))
    expect(refusal(initProducer(aborting, wanted, 8n, LATER_MS))).toBe('CONCURRENT_TRANSACTIONS')
    const over = finished(aborting, LATER_MS)
    expect(initProducer(over, wanted, 8n, LATER_MS)).toBe(over)
  })

  test('gets no epoch where another has taken its place', () => {
    const other = changed(initProducer(empty(), WANTED, 8n, LATER_MS))
    for (const producer of [ME, { producerId: 8n, epoch: 1 }, { producerId: 7n, epoch: 2 }]) {
      expect(refusal(initProducer(other, { ...WANTED, producer }, 9n, LATER_MS))).toBe('PRODUCER_FENCED')
    }
    // But where nothing is known any more.
    expect(changed(initProducer(undefined, { ...WANTED, producer: ME }, 9n, NOW_MS)).producerId).toBe(9n)
  })
})

describe('a transaction', () => {
  test('begins with its first partition or offset, under a number of its own', () => {
    const begun = open()
    expect(begun).toMatchObject({ state: 'open', number: 1, startedMs: NOW_MS, begunBy: ME })
    expect(begun.partitions).toEqual([{ ...ORDERS, runs: [], spilled: [] }])
    expect(transactionIdOf(begun)).toBe('7-0-1')
    expect(deadlineMs(begun)).toBe(NOW_MS + 60_000)
    const other = changed(addOffsets(empty(), ME, [], NOW_MS))
    expect(other).toMatchObject({ state: 'open', number: 1, offsets: [] })
  })

  test('takes partitions and offsets once', () => {
    const begun = open()
    expect(addPartitions(begun, ME, [ORDERS], LATER_MS)).toBe(begun)
    const more = changed(addPartitions(begun, ME, [ORDERS, BILLS, BILLS], LATER_MS))
    expect(more.partitions.map(({ topic }) => topic)).toEqual(['orders', 'bills'])
    expect(more).toMatchObject({ startedMs: NOW_MS, updatedMs: LATER_MS, number: 1 })
    const withOffsets = changed(addOffsets(more, ME, [PLACE, PLACE, { ...PLACE, groupId: 'h' }], LATER_MS))
    expect(withOffsets.offsets.map(({ groupId }) => groupId)).toEqual(['g', 'h'])
    expect(addOffsets(withOffsets, ME, [PLACE], LATER_MS)).toBe(withOffsets)
  })

  test('is not changed while another is finished', () => {
    const decided = changed(end(changed(addOffsets(open(), ME, [PLACE], NOW_MS)), ME, true, LATER_MS))
    expect(decided.state).toBe('committing')
    expect(refusal(addPartitions(decided, ME, [BILLS], LATER_MS))).toBe('CONCURRENT_TRANSACTIONS')
    expect(refusal(addOffsets(decided, ME, [], LATER_MS))).toBe('CONCURRENT_TRANSACTIONS')
    expect(stage(decided, ME, [toStage(runOf(0, 1))], true, LATER_MS)).toMatchObject({
      kafkaName: 'CONCURRENT_TRANSACTIONS',
    })
  })

  test('is the one that its caller means', () => {
    const first = open()
    expect(addPartitions(first, { ...ME, number: 1 }, [ORDERS], LATER_MS)).toBe(first)
    for (const number of [0, 2]) {
      expect(refusal(addPartitions(first, { ...ME, number }, [BILLS], LATER_MS))).toBe('INVALID_TXN_STATE')
      expect(refusal(end(first, { ...ME, number }, true, LATER_MS))).toBe('INVALID_TXN_STATE')
    }
    const over = changed(end(first, { ...ME, number: 1 }, true, LATER_MS))
    // What is late must not begin the next one.
    expect(refusal(addPartitions(over, { ...ME, number: 1 }, [ORDERS], LATER_MS))).toBe('INVALID_TXN_STATE')
    const second = changed(addPartitions(over, { ...ME, number: 2 }, [ORDERS], LATER_MS))
    expect(second.number).toBe(2)
    expect(refusal(end(second, { ...ME, number: 1 }, true, LATER_MS))).toBe('INVALID_TXN_STATE')
  })

  test('has room for so many partitions and offsets', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, partition) => ({ ...ORDERS, partition }))
    const full = open(many(TRANSACTION_PARTITIONS_MAX))
    expect(refusal(addPartitions(full, ME, [BILLS], LATER_MS))).toBe('TRANSACTION_ABORTABLE')
    const places = (count: number) =>
      many(count).map(({ topicId, partition }) => ({ groupId: 'g', topicId, partition }))
    const offsets = changed(addOffsets(empty(), ME, places(TRANSACTION_OFFSET_ITEMS_MAX), NOW_MS))
    expect(refusal(addOffsets(offsets, ME, [{ ...PLACE, groupId: 'h' }], NOW_MS))).toBe(
      'TRANSACTION_ABORTABLE',
    )
    const numbered = new Map(many(TRANSACTION_SEQUENCE_ITEMS_MAX).map(each => [`o#${each.partition}`, 0]))
    const old = empty({ sequences: numbered })
    expect(refusal(addPartitions(old, ME, [BILLS], NOW_MS))).toBe('TRANSACTION_ABORTABLE')
    expect(changed(addPartitions(old, ME, [ORDERS], NOW_MS)).partitions).toHaveLength(1)
  })

  test('says what another name is to it', () => {
    const begun = open()
    expect(relationOf(begun, '7-0-1')).toBe('this')
    expect(relationOf(begun, '7-0-0')).toBe('over')
    expect(relationOf(begun, '7-0-2')).toBe('to come')
    expect(relationOf(begun, '8-0-2')).toBe('over')
    const fenced = changed(initProducer(begun, WANTED, 8n, LATER_MS))
    expect(relationOf(fenced, '7-0-1')).toBe('this')
    // Its producer has lost its place.
    expect(relationOf(fenced, '7-0-2')).toBe('over')
    expect(relationOf(fenced, '7-1-2')).toBe('to come')
    expect(relationOf(empty({ producerId: -3n }), '-3-0-1')).toBe('to come')
    expect(() => relationOf(begun, 'what?')).toThrow(RangeError)
  })
})

describe('what is staged', () => {
  test('stands in its partition, in order, and its last number is remembered', () => {
    const one = staged(open([ORDERS, BILLS]), toStage(runOf(0, 3)), toStage(runOf(0, 1), BILLS))
    const two = staged(one, toStage(runOf(3, 2)))
    expect(two.partitions[0]?.runs.map(({ id }) => id)).toEqual([idOf(1), idOf(4)])
    expect(two.partitions[1]?.runs).toHaveLength(1)
    expect(two.sequences).toEqual(
      new Map([
        ['o#0', 4],
        ['b#3', 0],
      ]),
    )
    expect(two.updatedMs).toBe(LATER_MS)
    expect(one.partitions[0]?.runs).toHaveLength(1)
  })

  test('is taken once, however often it comes', () => {
    const standing = staged(open(), toStage(runOf(0, 3)), toStage(runOf(3, 2)))
    for (const again of [runOf(0, 3), runOf(3, 2)]) expect(staged(standing, toStage(again))).toBe(standing)
  })

  test('follows on what was staged before, else it is refused', () => {
    const standing = staged(open(), toStage(runOf(0, 3)))
    expect(reasons(standing, toStage(runOf(4, 1)))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER'])
    for (const run of [runOf(0, 2), runOf(0, 4), runOf(1, 2), runOf(2, 1)]) {
      expect(reasons(standing, toStage(run))).toEqual(['DUPLICATE_SEQUENCE_NUMBER'])
    }
  })

  test('under a new epoch may begin anywhere', () => {
    expect(staged(open(), toStage(runOf(100, 1))).sequences.get('o#0')).toBe(100)
  })

  test.each([true, false])(
    'goes on after the numbers of the transaction before, as it ended (%s)',
    commit => {
      const before = changed(end(staged(open(), toStage(runOf(0, 3))), ME, commit, LATER_MS))
      const over = finished(before, LATER_MS)
      const next = changed(addPartitions(over, ME, [ORDERS], LATER_MS))
      expect(reasons(next, toStage(runOf(0, 3)))).toEqual(['DUPLICATE_SEQUENCE_NUMBER'])
      expect(staged(next, toStage(runOf(3, 1))).sequences.get('o#0')).toBe(3)
    },
  )

  test('stops at the last number that a record can have', () => {
    const last = staged(open(), toStage(runOf(2 ** 31 - 3, 3)))
    expect(last.sequences.get('o#0')).toBe(2 ** 31 - 1)
    expect(reasons(last, toStage(runOf(0, 1)))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER'])
    expect(reasons(open(), toStage(runOf(2 ** 31 - 3, 4)))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER'])
  })

  test('is refused partition by partition', () => {
    const standing = open()
    const { transaction, refusals } = tryStage(standing, [toStage(runOf(0, 1)), toStage(runOf(0, 1), BILLS)])
    expect([...refusals].map(([key, { kafkaName }]) => [key, kafkaName])).toEqual([
      ['b#3', 'TRANSACTION_ABORTABLE'],
    ])
    expect(transaction.partitions.map(({ runs }) => runs.length)).toEqual([1])
  })

  test('adds its partition, and begins a transaction, where it may', () => {
    const { transaction } = tryStage(empty(), [toStage(runOf(0, 1)), toStage(runOf(0, 1), BILLS)], true)
    expect(transaction).toMatchObject({ state: 'open', number: 1 })
    expect(transaction.partitions).toHaveLength(2)
    const twice = tryStage(transaction, [toStage(runOf(0, 1))], true)
    expect(twice.transaction).toBe(transaction)
  })

  test('begins none for nothing', () => {
    const over = changed(end(staged(open(), toStage(runOf(0, 3))), ME, false, LATER_MS))
    const { transaction, refusals } = tryStage(over, [toStage(runOf(0, 3))], true)
    expect(transaction).toBe(over)
    expect(refusals.get('o#0')?.kafkaName).toBe('DUPLICATE_SEQUENCE_NUMBER')
  })

  test('needs a transaction that is open', () => {
    for (const standing of [empty(), changed(end(open(), ME, true, LATER_MS))]) {
      expect(stage(standing, ME, [toStage(runOf(0, 1))], false, LATER_MS)).toMatchObject({
        kafkaName: 'INVALID_TXN_STATE',
      })
    }
  })

  test('is one run of its producer, or a mistake', () => {
    const run = runOf(0, 1)
    const wrong = [
      { ...run, producers: [] },
      { ...run, producers: [...run.producers, ...run.producers] },
      runOf(0, 1, { producerId: 7n, epoch: 1 }),
      runOf(0, 1, { producerId: 8n, epoch: 0 }),
    ]
    for (const each of wrong) expect(() => staged(open(), toStage(each))).toThrow(RangeError)
  })

  test('is in no object of an epoch below the floor', () => {
    const standing = withFloor(open(), 5)
    expect(withFloor(standing, 4)).toBe(standing)
    const { refusals } = tryStage(standing, [toStage(runOf(0, 1, ME, inObject(4)))])
    expect(refusals.get('o#0')).toMatchObject({ kafkaName: 'KAFKA_STORAGE_ERROR', isBelowFloor: true })
    const taken = staged(standing, toStage(runOf(0, 1, ME, inObject(5))), toStage(runOf(1, 1)))
    expect(oldestEpoch(taken)).toBe(5)
    expect(oldestEpoch(standing)).toBe(undefined)
    // A repetition of what stands is taken whatever the floor is by then.
    const raised = withFloor(taken, 9)
    expect(staged(raised, toStage(runOf(0, 1, ME, inObject(5))))).toBe(raised)
  })
})

describe('what is much', () => {
  function ids(): () => string {
    let count = 0
    return () => {
      count += 1
      return idOf(count)
    }
  }

  function spilled(
    transaction: Transaction,
    newId = ids(),
  ): { transaction: Transaction; chunks: readonly StagedChunk[] } {
    const outcome = spill(transaction, newId)
    if ('kafkaName' in outcome) throw new Error(outcome.message)
    return outcome
  }

  test('moves into a chunk, which keeps what it is about', () => {
    let standing = open([ORDERS, BILLS])
    for (let sequence = 0; sequence < TRANSACTION_RUNS_MAX; sequence += 1)
      standing = staged(standing, toStage(runOf(sequence, 1, ME, sequence === 7 ? inObject(3) : inObject(4))))
    expect(isFull(standing)).toBe(false)
    standing = staged(standing, toStage(runOf(0, 5), BILLS))
    expect(isFull(standing)).toBe(true)
    const { transaction, chunks } = spilled(standing)
    expect(isFull(transaction)).toBe(false)
    expect(chunks.map(({ id, number }) => [id, number])).toEqual([[idOf(1), 1]])
    expect(transaction.chunks).toEqual([{ id: idOf(1), runs: 65, bytes: 650, oldestEpoch: 3 }])
    expect(transaction.partitions.map(({ runs }) => runs.length)).toEqual([0, 0])
    expect(oldestEpoch(transaction)).toBe(3)
    const again = staged(transaction, toStage(runOf(TRANSACTION_RUNS_MAX, 1)))
    const all = stagedRuns(again, chunks)
    const sequences = all.get('o#0')?.runs.map(({ producers }) => producers[0]?.sequence)
    expect(sequences).toEqual(Array.from({ length: TRANSACTION_RUNS_MAX + 1 }, (_, sequence) => sequence))
    expect([...all.keys()]).toEqual(['o#0', 'b#3'])
  })

  test('is taken for a repetition as long as it is one of the last', () => {
    let standing = open()
    for (let sequence = 0; sequence < 10; sequence += 1)
      standing = staged(standing, toStage(runOf(sequence, 1)))
    const { transaction } = spilled(standing)
    const kept = 10 - PRODUCER_ENTRIES_KEPT
    expect(staged(transaction, toStage(runOf(kept, 1)))).toBe(transaction)
    expect(reasons(transaction, toStage(runOf(kept - 1, 1)))).toEqual(['DUPLICATE_SEQUENCE_NUMBER'])
    const { transaction: more } = spilled(staged(transaction, toStage(runOf(10, 1))))
    expect(more.partitions[0]?.spilled.map(({ sequence }) => sequence)).toEqual([6, 7, 8, 9, 10])
    expect(more.chunks).toHaveLength(2)
  })

  test('is by bytes what travels in the item, and no chunk is too large', () => {
    const payload = new Uint8Array(TRANSACTION_INLINE_BYTES_MAX)
    const large = (sequence: number) => ({
      ...runOf(sequence, 1, ME, { kind: 'inline', payload }),
      bytes: payload.length,
    })
    const one = staged(open(), toStage(large(0)))
    expect(isFull(one)).toBe(false)
    const many = Array.from({ length: 40 }, (_, number) => toStage(large(number + 1)))
    const full = staged(one, ...many)
    expect(isFull(full)).toBe(true)
    const { transaction, chunks } = spilled(full)
    expect(chunks.length).toBe(Math.ceil(41 / 15))
    for (const { partitions } of chunks) {
      const bytes = partitions
        .flatMap(({ runs }) => runs)
        .reduce((sum, run) => sum + encodeEntry(run).length, 0)
      expect(bytes).toBeLessThan(TRANSACTION_CHUNK_BYTES_MAX)
    }
    expect(stagedRuns(transaction, chunks).get('o#0')?.runs).toEqual(full.partitions[0]?.runs)
  })

  test('has an end', () => {
    const chunks = Array.from({ length: TRANSACTION_CHUNK_ITEMS_MAX }, (_, number) => ({
      id: idOf(number),
      runs: 1,
      bytes: 1,
      oldestEpoch: undefined,
    }))
    const full = { ...staged(open(), toStage(runOf(0, 1))), chunks }
    expect(spill(full, ids())).toMatchObject({ kafkaName: 'TRANSACTION_ABORTABLE' })
  })
})

describe('the end', () => {
  test('decides once', () => {
    const standing = staged(open(), toStage(runOf(0, 3)))
    const committing = changed(end(standing, ME, true, LATER_MS))
    expect(committing).toMatchObject({ state: 'committing', updatedMs: LATER_MS })
    expect(committing.partitions).toBe(standing.partitions)
    expect(end(committing, ME, true, LATER_MS)).toBe(committing)
    expect(refusal(end(committing, ME, false, LATER_MS))).toBe('INVALID_TXN_STATE')
    const over = finished(committing, LATER_MS)
    expect(over).toMatchObject({ state: 'committed', partitions: [], chunks: [], offsets: [], done: [] })
    expect(end(over, ME, true, LATER_MS)).toBe(over)
    expect(refusal(end(over, ME, false, LATER_MS))).toBe('INVALID_TXN_STATE')
    expect(finished(over, LATER_MS)).toBe(over)
  })

  test('is there at once where nothing is left to be done', () => {
    expect(changed(end(open(), ME, true, LATER_MS)).state).toBe('committed')
    const aborted = changed(end(staged(open(), toStage(runOf(0, 3))), ME, false, LATER_MS))
    expect(aborted).toMatchObject({ state: 'aborted', partitions: [], sequences: new Map([['o#0', 2]]) })
    expect(end(aborted, ME, false, LATER_MS)).toBe(aborted)
    const pending = changed(addOffsets(open(), ME, [PLACE], NOW_MS))
    for (const commit of [true, false]) {
      const decided = changed(end(pending, ME, commit, LATER_MS))
      expect([decided.state, isDone(decided)]).toEqual([commit ? 'committing' : 'aborting', false])
    }
    const spilled = spill(staged(open(), toStage(runOf(0, 3))), () => idOf(1))
    const { transaction } = spilled as { transaction: Transaction }
    expect(changed(end(transaction, ME, true, LATER_MS)).state).toBe('committing')
    expect(changed(end(transaction, ME, false, LATER_MS)).state).toBe('aborting')
  })

  test('ends nothing that is not open', () => {
    for (const commit of [true, false])
      expect(refusal(end(empty(), ME, commit, NOW_MS))).toBe('INVALID_TXN_STATE')
    expect(refusal(end(open(), { producerId: 8n, epoch: 0 }, true, NOW_MS))).toBe(
      'INVALID_PRODUCER_ID_MAPPING',
    )
  })

  test('can be noted as done in part', () => {
    const committing = changed(end(staged(open(), toStage(runOf(0, 3))), ME, true, LATER_MS))
    const noted = noteDone(committing, ['o#0'], LATER_MS + 1)
    expect(noted).toMatchObject({ done: ['o#0'], state: 'committing', updatedMs: LATER_MS + 1 })
    expect(noteDone(noted, ['o#0'], LATER_MS + 2)).toBe(noted)
    const over = finished(noted, LATER_MS)
    expect(over.done).toEqual([])
    expect(noteDone(over, ['o#0'], LATER_MS)).toBe(over)
  })

  test('comes to one that takes too long, and fences its producer', () => {
    const standing = changed(addOffsets(open(), ME, [PLACE], NOW_MS))
    expect(timedOut(standing, 8n, deadlineMs(standing) - 1)).toBe(standing)
    const aborting = timedOut(standing, 8n, deadlineMs(standing))
    expect(aborting).toMatchObject({ state: 'aborting', epoch: 1, offsets: [PLACE] })
    expect(transactionIdOf(aborting)).toBe(transactionIdOf(standing))
    expect(refusal(end(aborting, ME, true, LATER_MS))).toBe('PRODUCER_FENCED')
    expect(finished(aborting, LATER_MS).state).toBe('empty')
    const last = {
      ...standing,
      epoch: PRODUCER_EPOCHS_MAX,
      begunBy: { producerId: 7n, epoch: PRODUCER_EPOCHS_MAX },
    }
    expect(abortedByForce(last, 8n, LATER_MS)).toMatchObject({ producerId: 8n, epoch: 0, state: 'aborting' })
    const committing = changed(end(standing, ME, true, LATER_MS))
    for (const other of [empty(), committing, finished(committing, LATER_MS)]) {
      expect(abortedByForce(other, 8n, LATER_MS)).toBe(other)
      expect(isRefusal(timedOut(other, 8n, 2 * NOW_MS))).toBe(false)
      expect(timedOut(other, 8n, 2 * NOW_MS)).toBe(other)
    }
  })
})
