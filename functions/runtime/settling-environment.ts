import { type SettlingSettings, settlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { GARBAGE_GRACE_MS, RECOVERY_WINDOW_DEFAULT_MS } from '../../src/core/limits.ts'

/**
 * How a broker's logs settle: TIDEMARK_GRACE_MS is for how long what is needed no more stays; TIDEMARK_TEST_SETTLING, only for
 * tests, shortens whatever takes long, as JSON.
 * @throws Error for a grace that is no number, or too short for those who read
 */
export function readSettlingEnvironment(variables: NodeJS.ProcessEnv): SettlingSettings {
  const { TIDEMARK_GRACE_MS: grace, TIDEMARK_TEST_SETTLING: test } = variables
  const graceMs = grace ? Number(grace) : RECOVERY_WINDOW_DEFAULT_MS
  if (!Number.isSafeInteger(graceMs) || graceMs < GARBAGE_GRACE_MS) {
    throw new Error(
      `Set TIDEMARK_GRACE_MS in the function's environment to ${GARBAGE_GRACE_MS} or more: milliseconds.`,
    )
  }
  return settlingSettings({ graceMs, ...(test && (JSON.parse(test) as Partial<SettlingSettings>)) })
}
