import type { Duration } from 'aws-cdk-lib'
import { GARBAGE_GRACE_MS } from '../src/core/limits.ts'

/** What the functions that delete objects are told of how long those stay. @throws Error where it is too short for those who read */
export function graceOf(recoveryWindow: Duration): Readonly<Record<string, string>> {
  const graceMs = recoveryWindow.toMilliseconds()
  if (graceMs < GARBAGE_GRACE_MS) {
    throw new Error(
      `recoveryWindow is ${GARBAGE_GRACE_MS / 60_000} minutes or more: consumers may still read what goes then.`,
    )
  }
  return { TIDEMARK_GRACE_MS: String(graceMs) }
}
