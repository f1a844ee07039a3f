import type {
  ListTransactions,
  TransactionDescription,
  TransactionState,
  TransactionSummary,
} from '../../contract/transactions.ts'
import { partitionKey } from '../../core/topic/partition-id.ts'
import { stagedRuns } from '../../core/transaction/staged-runs.ts'
import type { TransactionState as StoredState, Transaction } from '../../core/transaction/transaction.ts'
import type { TransactionCall } from '../finishing/transaction-call.ts'
import { idNotFound } from './transaction-names.ts'

const STATES: Record<StoredState, TransactionState> = {
  empty: 'Empty',
  open: 'Ongoing',
  committing: 'PrepareCommit',
  aborting: 'PrepareAbort',
  committed: 'CompleteCommit',
  aborted: 'CompleteAbort',
}

/** How many are read at a time. */
const READ_AT_ONCE = 64

export async function listTransactions(
  call: TransactionCall,
  { states, producerIds, durationMsMin }: ListTransactions,
): Promise<TransactionSummary[]> {
  const nowMs = call.nowMs()
  const isMeant = ({ state, producerId, startedMs }: Transaction) =>
    (!states?.length || states.includes(STATES[state])) &&
    (!producerIds?.length || producerIds.includes(producerId)) &&
    (durationMsMin === undefined ||
      durationMsMin < 0 ||
      (isGoingOn(state) && nowMs - startedMs > durationMsMin))
  const summaries: TransactionSummary[] = []
  for await (const found of standingOf(call)) if (isMeant(found)) summaries.push(summaryOf(found))
  return summaries
}

/** All transactions of the store, in the order of their ids. */
async function* standingOf(call: TransactionCall): AsyncGenerator<Transaction> {
  const { transactions } = call.ports
  const ids = await call.readAll(() => transactions.registered())
  for (let from = 0; from < ids.length; from += READ_AT_ONCE) {
    const found = await call.forEach(ids.slice(from, from + READ_AT_ONCE), id =>
      call.read(() => transactions.read(id)),
    )
    // Of one that is listed and not there, somebody has broken off making or removing it.
    for (const each of found) if (each) yield each
  }
}

export async function describe(
  call: TransactionCall,
  transactionalId: string,
): Promise<TransactionDescription> {
  const { transactions } = call.ports
  for (;;) {
    const found = await call.read(() => transactions.read(transactionalId))
    if (!found) throw idNotFound(transactionalId)
    const { number, chunks } = found
    const read = await call.forEach(chunks, ({ id }) =>
      call.read(() => transactions.readChunk(transactionalId, { number, id })),
    )
    const whole = read.filter(chunk => chunk !== undefined)
    // It has ended meanwhile.
    if (whole.length < read.length) continue
    const runs = stagedRuns(found, whole)
    const { epoch, timeoutMs, startedMs, updatedMs, state } = found
    return {
      ...summaryOf(found),
      epoch,
      number,
      timeoutMs,
      startedMs: isGoingOn(state) ? startedMs : null,
      updatedMs,
      partitions: found.partitions.map(place => {
        const staged = runs.get(partitionKey(place))?.runs ?? []
        return {
          topic: place.topic,
          partition: place.partition,
          records: staged.reduce((sum, { span }) => sum + span, 0),
          bytes: staged.reduce((sum, run) => sum + run.bytes, 0),
        }
      }),
      offsets: await offsetsOf(call, found),
    }
  }
}

async function offsetsOf(
  call: TransactionCall,
  { offsets }: Transaction,
): Promise<TransactionDescription['offsets']> {
  if (offsets.length === 0) return []
  const topics = await call.readAll(() => call.directory.list())
  const names = new Map(topics.map(({ topicId, name }) => [topicId, name]))
  return offsets.map(({ groupId, topicId, partition }) => ({
    groupId,
    // Of a topic that was deleted nobody knows the name any more.
    topic: names.get(topicId) ?? topicId,
    partition,
  }))
}

function summaryOf({ transactionalId, producerId, state }: Transaction): TransactionSummary {
  return { transactionalId, producerId, state: STATES[state] }
}

function isGoingOn(state: StoredState): boolean {
  return state === 'open' || state === 'committing' || state === 'aborting'
}
