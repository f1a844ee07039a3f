import { open } from 'node:fs/promises'

/** What is read of a file at a time. */
const READ_BYTES = 1024 * 1024

/**
 * Reads files from one end to the other, and keeps nothing of them.
 * @throws Error of the file system where one cannot be read; one that is missing can
 */
export async function checkReadable(paths: readonly string[]): Promise<void> {
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  for (const path of paths) {
    const file = await open(path).catch(ignoreMissing)
    if (!file) continue
    try {
      while ((await file.read(buffer, 0, READ_BYTES)).bytesRead > 0);
    } finally {
      await file.close()
    }
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
