/** Below this a chunk costs more to pass on than to copy. */
const SMALL_CHUNK_BYTES = 4096
/** How large a buffer small chunks are gathered into. */
const GATHERED_BYTES = 256 * 1024

/**
 * The same bytes in fewer chunks: neighbours that are small are copied together, large ones stay as they are.
 * A vectored write costs by the chunk, and thousands of single records make thousands of chunks.
 */
export function gatherSmallChunks(chunks: readonly Uint8Array[]): Uint8Array[] {
  const gathered: Uint8Array[] = []
  let group: Uint8Array[] = []
  let groupBytes = 0
  const closeGroup = () => {
    if (group.length > 0) gathered.push(group.length === 1 ? group[0]! : Buffer.concat(group, groupBytes))
    group = []
    groupBytes = 0
  }
  for (const chunk of chunks) {
    if (chunk.length >= SMALL_CHUNK_BYTES) {
      closeGroup()
      gathered.push(chunk)
      continue
    }
    group.push(chunk)
    groupBytes += chunk.length
    if (groupBytes >= GATHERED_BYTES) closeGroup()
  }
  closeGroup()
  return gathered
}
