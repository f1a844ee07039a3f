import type { TriggerName } from '../../src/contract/triggers.ts'
import { parseTriggerKey, TRIGGERS_KEY } from '../../src/core/storage-layout.ts'
import type { StreamEvent } from '../flush/changed-partitions.ts'

/** The triggers that a batch of the table's stream names, each once. What is no trigger's key is passed over. */
export function changedTriggers(
  { Records }: StreamEvent,
  onUnknown: (record: unknown) => void,
): TriggerName[] {
  const triggers = new Map<string, TriggerName>()
  for (const record of Records) {
    const keys = record?.dynamodb?.Keys
    const sortKey = keys?.sk?.S
    if (keys?.pk?.S !== TRIGGERS_KEY || sortKey === undefined) continue
    try {
      triggers.set(sortKey, parseTriggerKey(sortKey))
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      onUnknown(record)
    }
  }
  return [...triggers.values()]
}
