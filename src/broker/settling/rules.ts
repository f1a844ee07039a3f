import type { MergeRules } from '../../core/log/settled/plan-merge.ts'
import type { RollRules } from '../../core/log/settled/plan-roll.ts'
import type { Offset } from '../../core/numbers.ts'
import { readSettings } from '../../core/topic/topic-config.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import type { SettlingSettings } from './settling-settings.ts'

/** By what a topic's logs are rolled. @param epochsBelow as in RollRules */
export function rollRules(
  settings: SettlingSettings,
  topic: TopicItem,
  epochsBelow: number,
  nowMs: number,
): RollRules {
  return { ...sizesOf(settings, topic), nowMs, epochsBelow, limits: settings }
}

/** By what that which was rolled is merged. */
export function mergeRules(settings: SettlingSettings, topic: TopicItem, mergedOffset: Offset): MergeRules {
  return { ...sizesOf(settings, topic), mergedOffset, limits: settings }
}

function sizesOf(
  { segmentBytes: bytesMax = Number.POSITIVE_INFINITY }: SettlingSettings,
  { configs, expires = false }: TopicItem,
): { segmentBytes: number; retentionMs: number } {
  const { segmentBytes, isDeleted, retentionMs } = readSettings(configs, expires)
  return { segmentBytes: Math.min(segmentBytes, bytesMax), retentionMs: isDeleted ? retentionMs : -1 }
}
