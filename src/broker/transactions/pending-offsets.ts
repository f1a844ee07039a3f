import type { CommittedPartition, OffsetToCommit } from '../../contract/groups.ts'
import type { GroupOffsets } from '../../contract/transactions.ts'
import { TidemarkError } from '../../core/errors.ts'
import type { Committer } from '../../core/group/claim.ts'
import { checkCommit, unknownClassicMember } from '../../core/group/classic/checks.ts'
import type { Claim, PendingOffset } from '../../core/group/group.ts'
import { checkGroupId, storedMemberId } from '../../core/group/identity.ts'
import { checkMetadata } from '../../core/group/offset-metadata.ts'
import type { PendingPlace } from '../../core/transaction/transaction.ts'
import type { KnownClaims } from '../finishing/known-claims.ts'
import { isUndecided, settlePending } from '../finishing/settle-pending.ts'
import { type TransactionCall, toError } from '../finishing/transaction-call.ts'
import { isClassic } from '../groups/classic/change-kind.ts'
import { checkOffsets, errorOf, readOwn } from '../groups/commit-offsets.ts'
import { GroupCall, readGroup, unknownGroup } from '../groups/group-call.ts'
import type { LeaseWatch } from '../groups/lease-watch.ts'
import { otherKind } from '../groups/other-kind.ts'
import { makeRoom } from '../settling/make-room.ts'
import { overtaken } from './transaction-names.ts'

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
 */
export async function pendAll(
  { call, request, places }: OffsetsToPend,
  transaction: Pick<PendingOffset, 'transactionId' | 'transactionalId'>,
  transactionCall: TransactionCall,
  claims: KnownClaims,
): Promise<CommittedPartition[]> {
  const pended = await call.forEach(places, async ({ asked, place }) => {
    const { topic, partition } = asked
    const pending = new Pending(call, request, place, asked, transaction, transactionCall, claims)
    return { topic, partition, error: await errorOf(pending.set()) }
  })
  if (committerKind(request) !== 'classic member') return pended
  const error = await errorOf(checkCommitter(call, request))
  return error ? pended.map(each => ({ ...each, error: each.error ?? error })) : pended
}

/**
 * One offset that is to become pending. No try of it may hold once its transaction has had it count, however late it comes: that would
 * count twice. So the claim is known first, then the transaction is seen undecided, and then the offset is set, on condition that
 * nothing else was committed since: what its own transaction commits comes after its decision, and changes the claim.
 */
class Pending {
  readonly #call: GroupCall
  readonly #place: PendingPlace
  readonly #pending: PendingOffset
  readonly #transactionCall: TransactionCall
  readonly #claims: KnownClaims
  /** undefined: nobody who says who he is. */
  readonly #member: Committer | undefined
  readonly #rewinds: boolean

  constructor(
    call: GroupCall,
    request: GroupOffsets,
    place: PendingPlace,
    { offset, leaderEpoch = -1, metadata = '', generation, rewinds = false }: OffsetToCommit,
    transaction: Pick<PendingOffset, 'transactionId' | 'transactionalId'>,
    transactionCall: TransactionCall,
    claims: KnownClaims,
  ) {
    this.#call = call
    this.#place = place
    this.#member = committerOf(request, generation)
    this.#pending = { ...transaction, version: call.ports.entropy.id(), offset, leaderEpoch, metadata }
    this.#transactionCall = transactionCall
    this.#claims = claims
    this.#rewinds = rewinds
  }

  async set(): Promise<void> {
    // As this process left it before it saw the transaction last; where it knows of none, only one to which nothing was committed will do.
    const { transactionalId } = this.#pending
    let known = this.#claims.get(transactionalId, this.#place)
    this.#claims.note(transactionalId, this.#place, undefined)
    let by = this.#member ?? (await this.#anybody(known))
    await this.#call.write(async () => {
      for (;;) {
        const change = await this.#trySet(known, by)
        if (change.held || this.#isSet(change.claim)) {
          this.#claims.note(transactionalId, this.#place, change.claim)
          return
        }
        if (!this.#member) by = await this.#anybody(change.claim)
        known = await this.#readFree(by)
        if (this.#isSet(known)) return
        await this.#checkUndecided()
        // A later one of the same transaction has overtaken it on its way.
        if (!this.#rewinds && known?.pending && known.pending.offset > this.#pending.offset) return
      }
    })
  }

  #trySet(known: Claim | undefined, by: Committer) {
    const { groupId, topicId, partition } = this.#place
    const { pending, committed } = known ?? {}
    return this.#call.groups.setPending(
      groupId,
      { topicId, partition },
      this.#pending,
      by,
      pending?.version ?? null,
      committed?.committedMs ?? null,
    )
  }

  #isSet(claim: Claim | undefined): boolean {
    return claim?.pending?.version === this.#pending.version
  }

  /** The claim, once nothing of another transaction is pending in it. @throws as readOwn; CONCURRENT_TRANSACTIONS */
  async #readFree(by: Committer): Promise<Claim | undefined> {
    const { groupId, topicId, partition } = this.#place
    for (;;) {
      const claim = await readOwn(this.#call, { topicId, partition }, by)
      const pending = claim?.pending
      if (!pending || pending.transactionId === this.#pending.transactionId) return claim
      const place = { groupId, topicId, partition }
      if ((await settlePending(this.#transactionCall, place, pending, makeRoom)) === 'open')
        throw stillPending(pending)
    }
  }

  /** @throws CONCURRENT_TRANSACTIONS where it is, or was another one's turn */
  async #checkUndecided(): Promise<void> {
    const { transactionId, transactionalId } = this.#pending
    const { ports } = this.#transactionCall
    const standing = await this.#transactionCall.read(() => ports.transactions.read(transactionalId))
    if (isUndecided(standing, transactionId)) return
    throw toError(overtaken({ transactionalId }))
  }

  /**
   * Older clients commit in transactions without saying which member they are, and Kafka takes it, members or not: their producer's
   * epoch is all that fences them.
   */
  async #anybody(claim: Claim | undefined): Promise<Committer> {
    if (!claim || claim.owner === null) return 'unowned'
    const { owner, generation } = claim
    // What a trigger owns is its own.
    const member = await this.#call.groups.readMember(this.#call.groupId, owner)
    return member ? { owner, generation } : 'unowned'
  }
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
