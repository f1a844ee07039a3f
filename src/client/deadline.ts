import { TidemarkError } from '../core/errors.ts'

/**
 * Runs `action` with a signal that aborts after `timeoutMs`, or with one of `outer`. By hand and not with
 * AbortSignal.timeout and AbortSignal.any: those leave a timer and a listener behind for every request that
 * ended in time, and those outside may live as long as the process.
 */
export async function withDeadline<T>(
  timeoutMs: number,
  outer: AbortSignal | readonly (AbortSignal | undefined)[] | undefined,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const outside = [outer].flat()
  const end = () => controller.abort(outside.find(signal => signal?.aborted)?.reason)
  const timer = setTimeout(() => controller.abort(new DeadlinePassed(timeoutMs)), timeoutMs)
  if (outside.some(signal => signal?.aborted)) end()
  for (const signal of outside) signal?.addEventListener('abort', end)
  try {
    return await action(controller.signal)
  } catch (error) {
    const { reason } = controller.signal
    // Whatever the platform makes of an abort, it was the deadline that caused it; who knows more has said so.
    throw reason instanceof DeadlinePassed && !(error instanceof TidemarkError) ? reason : error
  } finally {
    clearTimeout(timer)
    for (const signal of outside) signal?.removeEventListener('abort', end)
  }
}

/**
 * What `result` comes to, or the signal's reason where that comes first. Whoever heeds the signal has its say before:
 * it knows more of what became of the action.
 */
export function abandonedAt<T>(signal: AbortSignal, result: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => setImmediate(() => reject(signal.reason))
    if (signal.aborted) end()
    signal.addEventListener('abort', end)
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
  })
}

/** What `withDeadline` rejects with when the time was up. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed'

  constructor(timeoutMs: number) {
    super(`no answer within ${Math.round(timeoutMs)} ms`)
  }
}
