import { nextCommit, type Ownership } from '../../../core/group/claim.ts'
import type { Claim, CommittedOffset } from '../../../core/group/group.ts'
import { NO_EPOCH } from '../../../core/group/session.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import { decodeProgress, encodeProgress, type Progress } from '../../../core/trigger/progress.ts'
import { changeOwner } from '../../groups/claims.ts'
import type { GroupCall } from '../../groups/group-call.ts'

/** Where a group stands in a partition that a trigger owns. */
export interface Standing {
  /** Where to go on; null: nothing was committed, so at the log's start. */
  readonly offset: Offset | null
  readonly progress: Progress | null
}

/** A partition's claim in the name of a trigger. Every commit is fenced: whoever has committed or claimed since is seen. */
export class PartitionClaim {
  readonly #startCall: () => GroupCall
  readonly #id: PartitionId
  readonly #owner: string
  #claim: Claim | undefined

  /** @param startCall gives a call with time of its own */
  constructor(startCall: () => GroupCall, id: PartitionId, owner: string) {
    this.#startCall = startCall
    this.#id = id
    this.#owner = owner
  }

  /**
   * Makes the partition the trigger's, if it is not, and tells where to go on. Undefined: a living member owns it.
   * @param known the claim as somebody has just read it
   * @throws TidemarkError
   */
  async take(known?: { readonly claim: Claim | undefined }): Promise<Standing | undefined> {
    const call = this.#startCall()
    let standing = known ? known.claim : await this.#read(call)
    while (standing?.owner !== this.#owner) {
      if (!(await this.#isFree(call, standing))) return undefined
      // Offsets make a group, as in Kafka: one that nobody could describe would keep them for nobody.
      if (standing === undefined) {
        await call.write(() => call.groups.createGroup(call.groupId, 'cooperative-sticky'))
      }
      const taken = await changeOwner(call, this.#id, this.#owner, standing)
      if (taken) {
        this.#claim = taken
        // What another noted down of its failures is not this trigger's.
        return { offset: taken.committed?.offset ?? null, progress: null }
      }
      standing = await this.#read(call)
    }
    this.#claim = standing
    return standingOf(standing)
  }

  /**
   * Commits where to go on, and what is known of what fails there. False: somebody has committed since, or owns the
   * partition; then take it again.
   * @throws TidemarkError
   */
  async commit(offset: Offset, progress: Progress | null): Promise<boolean> {
    const { generation, committed: before } = this.#claim!
    const call = this.#startCall()
    const seenMs = before?.committedMs ?? null
    const committed = nextCommit(before, { offset, metadata: encodeProgress(progress) }, call.nowMs())
    const by = { owner: this.#owner, generation }
    const held = await call.write(async isUnsure => {
      const { held, claim } = await call.groups.commit(call.groupId, this.#id, committed, by, seenMs)
      // An earlier try of unknown outcome has done it.
      return held || (isUnsure && isCommitted(claim, committed, by)) ? claim : undefined
    })
    if (held) this.#claim = held
    return held !== undefined
  }

  #read(call: GroupCall): Promise<Claim | undefined> {
    return call.read(() => call.groups.readClaim(call.groupId, this.#id))
  }

  /** Whether nobody owns it who lives: a trigger is no member, so one that is no more has none. */
  async #isFree(call: GroupCall, claim: Claim | undefined): Promise<boolean> {
    if (claim === undefined || claim.owner === null) return true
    const { owner } = claim
    const member = await call.read(() => call.groups.readMember(call.groupId, owner))
    return call.canTakeOver(claim, member, NO_EPOCH)
  }
}

function standingOf({ committed }: Claim): Standing {
  if (!committed) return { offset: null, progress: null }
  const { offset, metadata } = committed
  const progress = decodeProgress(metadata)
  // Anybody may write metadata: a batch that ends before it begins would never be done.
  const ends = progress?.ends.filter(end => end > offset) ?? []
  return { offset, progress: progress && { ...progress, ends } }
}

function isCommitted(claim: Claim | undefined, committed: CommittedOffset, by: Ownership): boolean {
  const found = claim?.committed
  return (
    claim?.owner === by.owner &&
    claim.generation === by.generation &&
    found?.committedMs === committed.committedMs &&
    toOffset(found.offset) === committed.offset &&
    found.metadata === committed.metadata
  )
}
