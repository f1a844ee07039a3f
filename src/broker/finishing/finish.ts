import type { EndedTransaction } from '../../contract/transactions.ts'
import { TidemarkError } from '../../core/errors.ts'
import { nextCommit } from '../../core/group/claim.ts'
import type { Claim } from '../../core/group/group.ts'
import { TRANSACTION_INLINE_BYTES_MAX, TRANSACTION_RUNS_MAX } from '../../core/limits.ts'
import { countInlineBytes, type IndexEntry } from '../../core/log/entry.ts'
import { partitionKey } from '../../core/topic/partition-id.ts'
import { finished, noteDone } from '../../core/transaction/changes/finish.ts'
import { stagedRuns } from '../../core/transaction/staged-runs.ts'
import {
  type PendingPlace,
  type Transaction,
  type TransactionPartition,
  transactionIdOf,
} from '../../core/transaction/transaction.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'
import { isTransient } from '../store-calls/retry.ts'
import type { DecidedAppends, DecidedListener } from './append-decided.ts'
import type { KnownClaims } from './known-claims.ts'
import type { Room } from './room.ts'
import { bringAnew } from './staged-bytes.ts'
import type { TransactionCall } from './transaction-call.ts'

type EndedPartition = EndedTransaction['partitions'][number]

/** What finishing takes. */
export interface Finishing {
  readonly appends: DecidedAppends
  readonly onAppend: DecidedListener
  readonly claims: KnownClaims
}

/**
 * Does what a decided transaction is to do: its records go into their logs, or nowhere; then what is pending in claims counts, or does
 * not. In this order, since whoever is told a committed offset goes on from there, and what it writes comes behind. Any number may do it,
 * and any of them may break off: each step is done once, whoever does it, and the last write, noteFinished, says that all are.
 * @returns where its records are; of one that was aborted nothing
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline: somebody else may go on
 */
export async function finish(
  call: TransactionCall,
  finishing: Finishing,
  room: Room,
  decided: Transaction,
): Promise<EndedPartition[]> {
  const commits = decided.state === 'committing'
  const transactionId = transactionIdOf(decided)
  const claims = call.forEach(decided.offsets, async place => {
    const known = finishing.claims.get(decided.transactionalId, place)
    return known?.pending?.transactionId === transactionId ? known : await readClaim(call, place)
  })
  // Whoever waits for it hears of it below.
  claims.catch(() => {})
  const ended = commits ? await appendAll(call, finishing, room, decided) : []
  const found = await claims
  await call.forEach(decided.offsets, async place => {
    const claim = found[decided.offsets.indexOf(place)]
    const { transactionalId } = decided
    finishing.claims.note(transactionalId, place, undefined)
    const resolved = await resolveOne(call, place, transactionId, claim, commits)
    finishing.claims.note(transactionalId, place, resolved)
  })
  return ended
}

/** Notes that all is done, and tells what stands then. */
export async function noteFinished(
  call: TransactionCall,
  room: Room,
  decided: Transaction,
): Promise<Transaction> {
  const change = (standing: Transaction | undefined) => {
    if (!standing) return gone(decided)
    return isSame(standing, decided) ? finished(standing, call.nowMs()) : standing
  }
  const { transaction } = await room.change(call, change, { lasting: 'in order' })
  if (decided.chunks.length > 0) await removeChunks(call, decided)
  return transaction
}

/** It is over, so nobody asks for them any more. Where it fails they stay until the next one with chunks ends, or the id is forgotten. */
async function removeChunks({ ports }: TransactionCall, { transactionalId, number }: Transaction) {
  try {
    await ports.transactions.removeChunksBelow(transactionalId, number + 1)
  } catch (error) {
    if (!isTransient(error)) throw asTidemarkError(error, 'yes')
  }
}

function isSame(standing: Transaction, decided: Transaction): boolean {
  return transactionIdOf(standing) === transactionIdOf(decided)
}

function gone({ transactionalId }: Transaction) {
  return {
    kafkaName: 'INVALID_PRODUCER_ID_MAPPING',
    message: `The transactional id "${transactionalId}" was forgotten meanwhile. Ask for a producer id anew.`,
  } as const
}

interface PartitionRuns {
  readonly place: TransactionPartition
  readonly entries: readonly IndexEntry[]
}

async function appendAll(
  call: TransactionCall,
  { appends, onAppend }: Finishing,
  room: Room,
  decided: Transaction,
): Promise<EndedPartition[]> {
  const all = await runsOf(call, room, decided)
  const done = new Set(decided.done)
  const appended: string[] = []
  const results = await call.forEach(all, async ({ place, entries }) => {
    const { topic, partition } = place
    const records = entries.reduce((sum, { span }) => sum + span, 0)
    const key = partitionKey(place)
    if (done.has(key)) return { topic, partition, baseOffset: null, records }
    try {
      const fitting = fitsHead(entries) ? entries : await bringAnew(call.ports, entries, call.deadlineMs)
      const { head, baseOffset, isOwn } = await appends.append(place, fitting, call.deadlineMs)
      if (head && baseOffset !== undefined && isOwn) await onAppend(place, { head, baseOffset }, fitting)
      appended.push(key)
      return { topic, partition, baseOffset: baseOffset ?? null, records }
    } catch (error) {
      return { error }
    }
  })
  const failed = results.find(result => 'error' in result)
  if (!failed) return results as EndedPartition[]
  await noteAppended(call, room, decided, appended)
  throw failed.error
}

/** The receipts of those that are done are not kept for ever, and this may take a while. */
async function noteAppended(
  call: TransactionCall,
  room: Room,
  decided: Transaction,
  keys: readonly string[],
): Promise<void> {
  if (keys.length === 0) return
  const change = (standing: Transaction | undefined) => {
    if (!standing) return gone(decided)
    return isSame(standing, decided) ? noteDone(standing, keys, call.nowMs()) : standing
  }
  try {
    await room.change(call, change)
  } catch {
    // What it could not say is found out again.
  }
}

/** Whether they can be appended as they are: a head has room for so much. */
export function fitsHead(entries: readonly IndexEntry[]): boolean {
  return entries.length <= TRANSACTION_RUNS_MAX && countInlineBytes(entries) <= TRANSACTION_INLINE_BYTES_MAX
}

/** What each partition is to get, the older runs from their chunks. */
async function runsOf(call: TransactionCall, room: Room, decided: Transaction): Promise<PartitionRuns[]> {
  const { number, chunks, partitions } = decided
  const { transactions } = call.ports
  const read = await call.forEach(chunks, async ({ id }) => {
    const chunk = await call.read(() => transactions.readChunk(room.transactionalId, { number, id }))
    if (!chunk) throw chunkGone(room.transactionalId)
    return chunk
  })
  const staged = stagedRuns(decided, read)
  return partitions.flatMap(place => {
    const runs = staged.get(partitionKey(place))?.runs
    return runs ? [{ place, entries: runs }] : []
  })
}

/** Somebody else has finished it, and removed them; or they are lost. */
function chunkGone(transactionalId: string): TidemarkError {
  return new TidemarkError(
    'CONCURRENT_TRANSACTIONS',
    `Somebody else finishes the transaction of "${transactionalId}". Try again.`,
    'unknown',
  )
}

function readClaim(call: TransactionCall, { groupId, topicId, partition }: PendingPlace) {
  return call.read(() => call.ports.groups.readClaim(groupId, { topicId, partition }))
}

/** Has what is pending of the transaction count, or not, unless that was done. Tells the claim as it is then. */
async function resolveOne(
  call: TransactionCall,
  place: PendingPlace,
  transactionId: string,
  read: Claim | undefined,
  commits: boolean,
): Promise<Claim | undefined> {
  const { groupId, topicId, partition } = place
  let claim = read
  return await call.write(async isUnsure => {
    if (isUnsure) claim = await call.ports.groups.readClaim(groupId, { topicId, partition })
    for (;;) {
      const pending = claim?.pending
      if (!claim || pending?.transactionId !== transactionId) return claim
      const committed = commits ? committedBy(claim, call.nowMs()) : null
      const { groups } = call.ports
      const resolved = await groups.resolvePending(
        groupId,
        { topicId, partition },
        pending.version,
        committed,
      )
      if (resolved.held) return resolved.claim
      claim = resolved.claim
    }
  })
}

/** What becomes of what is pending in a claim. */
export function committedBy({ committed, pending }: Claim, nowMs: number) {
  const { offset, leaderEpoch, metadata } = pending!
  // Of an owner that counts its commits as well, the count goes on.
  const { sequence, underGeneration } = committed ?? {}
  const counted =
    sequence !== undefined && underGeneration !== undefined ? { sequence, underGeneration } : undefined
  return nextCommit(committed, { offset, leaderEpoch, metadata, ...counted }, nowMs)
}
