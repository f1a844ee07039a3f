import { advance, type Ingest, publishAnew, sweepable } from '../../core/ingest/ingest.ts'
import { EPOCHS_AHEAD_MAX, ROUND_LATE_MS } from '../../core/limits.ts'
import type { Ports } from '../../ports/index.ts'
import type { SettlingSettings } from './settling-settings.ts'

/** What of the whole store somebody should see to. */
export interface UpkeepDue {
  /** 'everything': once a day also what no change tells of. */
  readonly work: 'upkeep' | 'everything' | undefined
  /** Nobody has seen to it for days: whoever should is broken, or is never called. */
  readonly isLate: boolean
}

/**
 * Whether epochs, garbage or all of a store have to be looked after, at the price of a read or a few, for whoever looks every
 * now and then and does not do it himself.
 * @param hasRecords whether any log has: a store without any needs nobody
 * @throws NotApplied, StoreFailed
 */
export async function lookForUpkeep(
  { upkeep, clock }: Ports,
  settings: SettlingSettings,
  hasRecords: boolean,
): Promise<UpkeepDue> {
  const ingest = await upkeep.readIngest()
  if (!ingest) return { work: hasRecords ? 'upkeep' : undefined, isLate: false }
  const nowMs = clock.nowMs()
  const sinceRoundMs = Math.abs(nowMs - ingest.roundMs)
  const isLate = ingest.roundMs > 0 && sinceRoundMs > ROUND_LATE_MS
  // Each round notes when it begins, and so does the look of a day in which nothing was written.
  if (ingest.cursor === null && sinceRoundMs >= settings.roundMs) return { work: 'everything', isLate }
  const isDue = areEpochsDue(ingest, nowMs, settings) || (await isGarbageDue(upkeep, nowMs, settings))
  return { work: isDue ? 'upkeep' : undefined, isLate }
}

function areEpochsDue(ingest: Ingest, nowMs: number, { advanceMs, graceMs }: SettlingSettings): boolean {
  if (ingest.cursor !== null || sweepable(ingest, nowMs, graceMs) > ingest.swept) return true
  if (publishAnew(ingest, nowMs, graceMs)) return true
  // Where nothing is written the epochs stand still.
  return ingest.epoch <= ingest.written + EPOCHS_AHEAD_MAX && advance(ingest, nowMs, advanceMs) !== undefined
}

/** What was begun and not ended waits for the look of the day. */
async function isGarbageDue(
  upkeep: Ports['upkeep'],
  nowMs: number,
  { graceMs, resweepMs }: SettlingSettings,
): Promise<boolean> {
  for await (const _ of upkeep.notes('dead', Math.max(0, nowMs - graceMs))) return true
  for await (const { sweeps, notedMs } of upkeep.notes('topic')) {
    if (nowMs >= notedMs + (sweeps === 0 ? graceMs : resweepMs)) return true
  }
  return false
}
