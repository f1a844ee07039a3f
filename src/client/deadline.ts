/**
 * Runs `action` with a signal that aborts after `timeoutMs`, or with `outer`. By hand and not with
 * AbortSignal.timeout and AbortSignal.any: those leave a timer and a listener behind for every request that
 * ended in time, and `outer` may live as long as the process.
 */
export async function withDeadline<T>(
  timeoutMs: number,
  outer: AbortSignal | undefined,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const end = () => controller.abort(outer?.reason)
  const timer = setTimeout(() => controller.abort(new DeadlinePassed(timeoutMs)), timeoutMs)
  if (outer?.aborted) end()
  outer?.addEventListener('abort', end)
  try {
    return await action(controller.signal)
  } catch (error) {
    // Whatever the platform makes of an abort: it was the deadline that caused it.
    throw controller.signal.reason instanceof DeadlinePassed ? controller.signal.reason : error
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', end)
  }
}

/** What `withDeadline` rejects with when the time was up. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed'

  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`)
  }
}
