/** Below this, copying chunks together costs less than sending them one by one. */
const COPIED_BYTES_MAX = 64 * 1024

/** Chunks as a body; who sends it lets go of each in its turn. */
export function bodyOf(
  chunks: readonly Uint8Array[],
  bytes: number,
): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  if (chunks.length === 1) return chunks[0] as Uint8Array<ArrayBuffer>
  return bytes <= COPIED_BYTES_MAX ? Buffer.concat(chunks) : streamOf(chunks)
}

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const remaining = chunks.values()
  return new ReadableStream({
    pull(controller) {
      const { done, value } = remaining.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}
