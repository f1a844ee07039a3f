import { InterruptedError } from './output/failure.ts'

/** What `items` gives until it ends or `signal` ends it; the step under way is not waited for. */
export async function* itemsUntil<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  let exhausted = false
  try {
    while (!signal.aborted) {
      const next = await nextUntil(iterator, signal)
      exhausted = next?.done === true
      if (!next || next.done) return
      yield next.value
    }
  } finally {
    // Not awaited: a terminal answers only when somebody types.
    if (!exhausted) void iterator.return?.()?.catch(() => {})
  }
}

/** The result of something that may be abandoned: InterruptedError when `signal` comes first. */
export async function resultUntil<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  const settled = await settledUntil(result, signal)
  if (settled === null) throw new InterruptedError('interrupted')
  return settled.value
}

async function nextUntil<T>(
  iterator: AsyncIterator<T>,
  signal: AbortSignal,
): Promise<IteratorResult<T> | null> {
  const settled = await settledUntil(iterator.next(), signal)
  return settled?.value ?? null
}

/**
 * What came, or null where `signal` came first.
 * Not Promise.race with one promise for the signal: that promise would keep every result for ever.
 */
export function settledUntil<T>(result: Promise<T>, signal: AbortSignal): Promise<{ value: T } | null> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(null)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    result
      .then(value => resolve({ value }), reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
  })
}
