import type { RollRules } from '../../core/log/settled/plan-roll.ts'
import type { MergeRules } from '../../core/log/settled/plan-merge.ts'
import type { Offset } from '../../core/numbers.ts'
import { readSettings } from '../../core/topic/topic-config.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import type { SettlingSettings } from './settling-settings.ts'

/** What of a visit decides on rolling. */
export interface RollWants {
  /** A round wants all entries settled whose objects are of epochs below this one; 0: no round does. */
  readonly epochsBelow: number
}

/** By what a topic's logs are rolled. */
export function rollRules(
  settings: SettlingSettings,
  { configs }: TopicItem,
  { epochsBelow }: RollWants,
  nowMs: number,
): RollRules {
  const { segmentBytes, retentionMs } = readSettings(configs)
  return { segmentBytes, retentionMs, nowMs, epochsBelow, limits: settings }
}

/** By what what was rolled is merged. */
export function mergeRules(settings: SettlingSettings, { configs }: TopicItem, mergedOffset: Offset): MergeRules {
  const { segmentBytes, retentionMs } = readSettings(configs)
  return { segmentBytes, retentionMs, mergedOffset, limits: settings }
}
