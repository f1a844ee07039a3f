/** The chunks of `input` until it ends or `signal` ends it; a read under way is not waited for. */
export async function* chunksUntil(
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = input[Symbol.asyncIterator]()
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

/** Not Promise.race with one promise for the signal: that promise would keep every chunk for ever. */
function nextUntil(
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal,
): Promise<IteratorResult<Uint8Array> | null> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(null)
    signal.addEventListener('abort', onAbort, { once: true })
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
  })
}
