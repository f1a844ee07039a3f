import {
  applyCommit,
  applyOwner,
  applyPending,
  applyResolution,
  closeClaim,
  mayRemoveClaim,
} from '../../core/group/claim.ts'
import { applyClassic } from '../../core/group/group-changes.ts'
import { applyAppend } from '../../core/log/changes/append.ts'
import { applyDecided } from '../../core/log/changes/append-decided.ts'
import type { HeadCost } from '../../core/log/changes/cut.ts'
import { mayReplaceBlock } from '../../core/log/changes/put-block.ts'
import { mergeRetired } from '../../core/log/changes/put-producer.ts'
import { applyDrained, applyFloor } from '../../core/log/changes/raise-floor.ts'
import { applyMove } from '../../core/log/changes/rearrange.ts'
import { applyTrim } from '../../core/log/changes/trim-tail.ts'

/** The decisions that make the protocols safe. Only a test that breaks one on purpose puts another in its place. */
export const DECISIONS = {
  applyAppend,
  applyDecided,
  applyTrim,
  applyFloor,
  applyDrained,
  applyMove,
  mayReplaceBlock,
  mergeRetired,
  applyOwner,
  applyCommit,
  applyPending,
  applyResolution,
  mayRemoveClaim,
  closeClaim,
  applyClassic,
}

export interface Decisions extends Readonly<typeof DECISIONS> {
  /** Only where a test has writes of heads paid for. */
  readonly headCost?: HeadCost
}
