import { applyCommit, applyOwner, closeClaim, isUnchanged } from '../../core/group/claim.ts'
import { applyAppend } from '../../core/log/changes/append.ts'
import { mergeRetired } from '../../core/log/changes/put-producer.ts'
import { applyTrim } from '../../core/log/changes/trim-tail.ts'

/** The decisions that make the protocols safe. Only a test that breaks one on purpose puts another in its place. */
export const DECISIONS = {
  applyAppend,
  applyTrim,
  mergeRetired,
  applyOwner,
  applyCommit,
  closeClaim,
  isUnchanged,
}

export type Decisions = Readonly<typeof DECISIONS>
