import { EPOCH_CACHE_MS } from '../../core/limits.ts'
import type { Ports } from '../../ports/index.ts'
import type { UpkeepStore } from '../../ports/upkeep-store.ts'
import { retryUntil } from '../store-calls/retry.ts'

const known = new WeakMap<UpkeepStore, { readonly epoch: number; readonly untilMs: number }>()
const asking = new WeakMap<UpkeepStore, Promise<number>>()

/**
 * The epoch under which objects are uploaded now, as it was within the last minute. 0: the store has none, and what is
 * uploaded goes where it went before there were any. One that is out of date does no harm but work: a log that takes no
 * object of it any more says so.
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline
 */
export async function currentEpoch(ports: Ports, deadlineMs: number): Promise<number> {
  const { upkeep, clock } = ports
  const standing = known.get(upkeep)
  if (standing && standing.untilMs > clock.monotonicMs()) return standing.epoch
  const pending = asking.get(upkeep)
  if (pending) {
    // Whoever asks already may have less time.
    const answer = await pending.catch(() => undefined)
    if (answer !== undefined) return answer
  }
  const asked = refreshEpoch(ports, deadlineMs)
  asking.set(upkeep, asked)
  const forget = () => {
    if (asking.get(upkeep) === asked) asking.delete(upkeep)
  }
  asked.then(forget, forget)
  return await asked
}

/** As currentEpoch, but asks the store. */
export async function refreshEpoch(ports: Ports, deadlineMs: number): Promise<number> {
  const { clock, upkeep } = ports
  const untilMs = clock.monotonicMs() + EPOCH_CACHE_MS
  const ingest = await retryUntil(ports, deadlineMs, 'no', () => upkeep.readIngest())
  const epoch = ingest?.epoch ?? 0
  known.set(upkeep, { epoch, untilMs })
  return epoch
}
