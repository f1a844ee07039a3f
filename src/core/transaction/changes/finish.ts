import type { Transaction } from '../transaction.ts'

/**
 * The transaction once all that was decided is done: what is staged and pending is forgotten, what its producer has numbered is not. One
 * that was aborted for another producer to take its place leaves nothing behind that anybody could repeat. The very same, where it is not decided.
 */
export function finished(standing: Transaction, nowMs: number): Transaction {
  const { state, begunBy, producerId, epoch } = standing
  if (state !== 'committing' && state !== 'aborting') return standing
  const isOwn = begunBy.producerId === producerId && begunBy.epoch === epoch
  const over = state === 'committing' ? 'committed' : isOwn ? 'aborted' : 'empty'
  return { ...standing, state: over, updatedMs: nowMs, partitions: [], chunks: [], offsets: [], done: [] }
}

/** Notes which partitions have all of it; the very same where that is noted. */
export function noteDone(standing: Transaction, keys: readonly string[], nowMs: number): Transaction {
  const done = new Set([...standing.done, ...keys])
  if (standing.state !== 'committing' || done.size === standing.done.length) return standing
  return { ...standing, done: [...done], updatedMs: nowMs }
}
