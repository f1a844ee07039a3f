/** What of a socket tells how much of it has been sent: Node's, of which the core knows nothing. */
interface Sending {
  readonly bytesWritten: number
  readonly writableLength: number
}

/** What the kernel has taken. `bytesWritten` counts a piece as soon as it is there, however large it is. */
export function sentBytesOf(socket: Sending): number {
  // Node itself goes by both before it times a socket out, and offers no other way to see them.
  const { _bytesDispatched: begun, _handle: handle } = socket as unknown as {
    _bytesDispatched?: number
    _handle?: { writeQueueSize?: number } | null
  }
  const left = handle?.writeQueueSize
  if (begun === undefined || left === undefined) return socket.bytesWritten - socket.writableLength
  return begun - left
}
