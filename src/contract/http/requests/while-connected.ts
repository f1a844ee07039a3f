import type { HttpContext } from '../route.ts'

const ENDED = 'nobody waits any more'

/** Ends a long poll when its client goes away or the server stops. */
export async function whileConnected(
  context: HttpContext,
  maxWaitMs: number | undefined,
  wait: (options: { signal?: AbortSignal }) => Promise<Response>,
): Promise<Response> {
  if (!maxWaitMs) return wait({})
  const controller = new AbortController()
  // Without a reason, one is made each time, with a stack.
  const end = () => controller.abort(ENDED)
  const signals = [context.req.raw.signal, context.env.stopping].filter(signal => signal !== undefined)
  // By hand and not by AbortSignal.any, which would hang one more signal on the server's for each request.
  for (const signal of signals) {
    if (signal.aborted) end()
    signal.addEventListener('abort', end)
  }
  try {
    return await wait({ signal: controller.signal })
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', end)
  }
}
