import type { CommittedPartition, OffsetToCommit } from '../../contract/groups.ts'
import type { GroupOffsets } from '../../contract/transactions.ts'
import { TidemarkError } from '../../core/errors.ts'
import type { Committer } from '../../core/group/claim.ts'
import { checkCommit, unknownClassicMember } from '../../core/group/classic/checks.ts'
import type { Claim, PendingOffset } from '../../core/group/group.ts'
import { checkGroupId, storedMemberId } from '../../core/group/identity.ts'
import { checkMetadata } from '../../core/group/offset-metadata.ts'
import { placeKey } from '../../core/transaction/changes/add-offsets.ts'
import type { PendingPlace } from '../../core/transaction/transaction.ts'
import { isUndecided, settlePending } from '../finishing/settle-pending.ts'
import type { TransactionCall } from '../finishing/transaction-call.ts'
import { isClassic } from '../groups/classic/change-kind.ts'
import { checkOffsets, errorOf, readOwn } from '../groups/commit-offsets.ts'
import { GroupCall, readGroup, unknownGroup } from '../groups/group-call.ts'
import type { LeaseWatch } from '../groups/lease-watch.ts'
import { otherKind } from '../groups/other-kind.ts'
import { makeRoom } from '../settling/make-room.ts'

/** Offsets of one group that are to become pending, and who commits them. */
export interface OffsetsToPend {
  readonly call: GroupCall
  readonly request: GroupOffsets
  /** Those whose partitions there are. */
  readonly places: readonly PlacedOffset[]
  /** The others, with what is wrong with them. */
  readonly refused: readonly CommittedPartition[]
}

interface PlacedOffset {
  readonly asked: OffsetToCommit
  readonly place: PendingPlace
}

/** Finds the partitions, and checks what can be checked beforehand. @throws TidemarkError as commitOffsets and commitClassic */
export async function prepareOffsets(
  { ports, directory }: TransactionCall,
  leases: LeaseWatch,
  request: GroupOffsets,
): Promise<OffsetsToPend> {
  const { groupId, offsets } = request
  checkGroupId(groupId)
  checkOffsets(offsets, committerKind(request) === 'member')
  const call = new GroupCall(ports, directory, groupId, leases)
  await checkCommitter(call, request)
  const refused: CommittedPartition[] = []
  const places: PlacedOffset[] = []
  await call.forEach(offsets, async asked => {
    const { topic, topicId, partition, metadata = '' } = asked
    const error = await errorOf(
      (async () => {
        checkMetadata(metadata)
        const id = await call.read(() => call.directory.resolvePartition(topic, partition, topicId))
        places.push({ asked, place: { groupId, ...id } })
      })(),
    )
    if (error) refused.push({ topic, partition, error })
  })
  return { call, request, places, refused }
}

/**
 * Has offsets pend for a transaction. What the group's members may has to hold once they are there: of a classic group that is looked
 * at afterwards, so whoever joins later finds them. They are acknowledged only when all this is done.
 * @param committedMs by place, as far as it is known: when what is committed there was. The transaction was seen undecided since
 */
export async function pendAll(
  { call, request, places }: OffsetsToPend,
  transaction: Pick<PendingOffset, 'transactionId' | 'transactionalId'>,
  transactionCall: TransactionCall,
  committedMs: ReadonlyMap<string, number | null>,
): Promise<CommittedPartition[]> {
  const pended = await call.forEach(places, async ({ asked, place }) => {
    const { topic, partition } = asked
    const knownMs = committedMs.get(placeKey(place))
    const pending = pendOne(call, request, asked, place, transaction, transactionCall, knownMs)
    return { topic, partition, error: await errorOf(pending) }
  })
  if (committerKind(request) !== 'classic member') return pended
  const error = await errorOf(checkCommitter(call, request))
  return error ? pended.map(each => ({ ...each, error: each.error ?? error })) : pended
}

/**
 * An offset of a transaction must not pend any more once it counts, or whoever finishes late would have it count again, over what others
 * have committed since. So the claim is seen first, then the transaction as not decided, and the offset pends on condition that nothing
 * was committed since the claim was seen: what counts of a transaction is committed after its decision, and changes that for good.
 */
async function pendOne(
  call: GroupCall,
  request: GroupOffsets,
  { offset, leaderEpoch = -1, metadata = '', generation, rewinds = false }: OffsetToCommit,
  { topicId, partition }: PendingPlace,
  transaction: Pick<PendingOffset, 'transactionId' | 'transactionalId'>,
  transactionCall: TransactionCall,
  knownMs: number | null | undefined,
): Promise<void> {
  const { ports, groups, groupId } = call
  const id = { topicId, partition }
  const member = committerOf(request, generation)
  const pending: PendingOffset = {
    ...transaction,
    version: ports.entropy.id(),
    offset,
    leaderEpoch,
    metadata,
  }
  let by: Committer = member ?? 'unowned'
  let isKnown = knownMs !== undefined
  await call.write(async () => {
    for (;;) {
      let standing: PendingOffset | undefined
      let seenMs = knownMs ?? null
      if (!isKnown) {
        if (!member) by = await anybodyOf(call, await groups.readClaim(groupId, id))
        const claim = await readOwn(call, id, by)
        standing = claim?.pending
        seenMs = claim?.committed?.committedMs ?? null
        if (standing?.version === pending.version) return
        if (standing && standing.transactionId !== pending.transactionId) {
          // Of a transaction that was, or another producer's.
          const settled = await settlePending(transactionCall, { ...id, groupId }, standing, makeRoom)
          if (settled === 'open') throw stillPending(standing)
          continue
        }
        const { transactionalId, transactionId } = transaction
        const seen = await ports.transactions.read(transactionalId)
        if (!isUndecided(seen, transactionId)) throw decidedMeanwhile(transactionalId)
        // A later one of the same transaction has overtaken it.
        if (standing && standing.offset > offset && !rewinds) return
      }
      isKnown = false
      const version = standing?.version ?? null
      const { held, claim } = await groups.setPending(groupId, id, pending, by, version, seenMs)
      if (held || claim?.pending?.version === pending.version) return
    }
  })
}

function decidedMeanwhile(transactionalId: string): TidemarkError {
  return new TidemarkError(
    'CONCURRENT_TRANSACTIONS',
    `The transaction of "${transactionalId}" was decided meanwhile. Try again.`,
  )
}

function stillPending({ transactionalId }: PendingOffset): TidemarkError {
  return new TidemarkError(
    'CONCURRENT_TRANSACTIONS',
    `A transaction of "${transactionalId}" is to commit an offset of this partition, and is not over yet. Try again.`,
  )
}

type CommitterKind = 'nobody' | 'member' | 'classic member'

function committerKind({ memberId, generation }: GroupOffsets): CommitterKind {
  if (generation !== undefined && generation >= 0) return 'classic member'
  return memberId === undefined || memberId === '' ? 'nobody' : 'member'
}

/** undefined: nobody who says who he is. */
function committerOf(request: GroupOffsets, generation: number | undefined): Committer | undefined {
  const kind = committerKind(request)
  if (kind !== 'member') return kind === 'nobody' ? undefined : 'unowned'
  return { owner: storedMemberId(request.memberId!, request.instanceId), generation: generation! }
}

/**
 * Older clients commit in transactions without saying which member they are, and Kafka takes it, members or not: their producer's
 * epoch is all that fences them.
 */
async function anybodyOf(call: GroupCall, claim: Claim | undefined): Promise<Committer> {
  if (!claim || claim.owner === null) return 'unowned'
  const { owner, generation } = claim
  // What a trigger owns is its own.
  const member = await call.groups.readMember(call.groupId, owner)
  return member ? { owner, generation } : 'unowned'
}

/** Of members of other groups the claims say it. @throws TidemarkError as commitOffsets and commitClassic */
async function checkCommitter(call: GroupCall, request: GroupOffsets): Promise<void> {
  switch (committerKind(request)) {
    case 'nobody':
      if (request.offsets.length > 0 && !(await readGroup(call)))
        await call.write(() => call.groups.createGroup(call.groupId, 'cooperative-sticky'))
      return
    case 'classic member': {
      const { memberId = '', instanceId, generation = -1 } = request
      const group = await readGroup(call)
      if (isClassic(group)) return checkCommit(group.classic, { memberId, instanceId, generation })
      if (!group) throw unknownGroup(call.groupId)
      throw group.epoch > 0 ? otherKind(call.groupId) : unknownClassicMember(memberId)
    }
  }
}
