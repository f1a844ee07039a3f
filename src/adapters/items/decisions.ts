import { applyCommit, applyOwner } from '../../core/group/claim.ts'
import { applyAppend } from '../../core/log/changes/append.ts'
import { mergeRetired } from '../../core/log/changes/put-producer.ts'
import { applyTrim } from '../../core/log/changes/trim-tail.ts'

/** The decisions that make the protocols safe. Only a test that breaks one on purpose puts another in its place. */
export interface Decisions {
  readonly applyAppend: typeof applyAppend
  readonly applyTrim: typeof applyTrim
  readonly mergeRetired: typeof mergeRetired
  readonly applyOwner: typeof applyOwner
  readonly applyCommit: typeof applyCommit
}

export const DECISIONS: Decisions = { applyAppend, applyTrim, mergeRetired, applyOwner, applyCommit }
