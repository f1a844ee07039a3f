import { access, constants, type FileHandle, mkdir, open, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { STORE_ROOM_KEPT_BYTES, STORE_SYNC_BYTES } from '../../core/limits.ts'
import { StoreFailed } from '../../ports/outcome.ts'

/** What must be free on a disk that was full before it counts as having room again. */
const ROOM_BYTES_MIN = 1024 * 1024

/**
 * Makes a folder and those above it, each durably known to its parent. Where it is there already, another process
 * may have made it a moment ago, so its parent is synced all the same.
 */
export async function makeFolder(path: string): Promise<void> {
  // Absolute, so that every step up makes it shorter: a relative one ends in '.', and never gets beyond.
  const absolute = resolve(path)
  const making = mkdir(absolute, { recursive: true }).catch(async error => {
    // Where nothing can be written, Node may say that there is no such folder.
    await access(await nearestFolder(absolute), constants.W_OK)
    throw error
  })
  const first = (await making) ?? absolute
  for (let made = absolute; made.length >= first.length && made !== '/'; made = dirname(made)) {
    await syncFolder(dirname(made))
  }
}

/** The lowest folder on the way to this one that is there. */
async function nearestFolder(path: string): Promise<string> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  return isThere || path === dirname(path) ? path : await nearestFolder(dirname(path))
}

/**
 * Makes a folder below one that is there, and those between, each durably known to its parent.
 * @throws Error ENOENT where the upper one is gone: it is not made anew
 */
export async function makeFolderBelow(upper: string, path: string): Promise<void> {
  if (path === upper) return
  await makeFolderBelow(upper, dirname(path))
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await syncFolder(dirname(path))
}

/** Makes what was created or renamed in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** @throws Error ENOSPC where the disk has hardly any room: what is written now may still fit, what comes next will not */
export async function checkRoom(path: string): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  const bytes = bavail * bsize
  if (bytes >= ROOM_BYTES_MIN) return
  throw Object.assign(new Error(`ENOSPC: ${bytes} bytes are free, statfs '${path}'`), { code: 'ENOSPC' })
}

/** @throws StoreFailed where so little is free that what is new may soon have no room */
export async function checkRoomKept(path: string): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  if (bavail * bsize >= STORE_ROOM_KEPT_BYTES) return
  const [free, least] = [bavail * bsize, STORE_ROOM_KEPT_BYTES].map(bytes => Math.floor(bytes / 2 ** 20))
  throw new StoreFailed(
    `of the disk of ${path} ${free} MiB are free, and what is only rewritten leaves ${least} MiB for what is new; make room`,
    { mayPass: true },
  )
}

/** Writes a new file, and syncs it. @throws Error EEXIST where there is one */
export async function writeSynced(path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await writeAll(file, chunks)
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** The same with chunks that come one after the other. Tells how many bytes it were. @throws Error EEXIST, and what `chunks` throws */
export async function writeSyncedLarge(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'wx')
  try {
    let bytes = 0
    let synced = 0
    for await (const chunk of chunks) {
      await writeAll(file, [chunk])
      bytes += chunk.length
      if (bytes - synced < STORE_SYNC_BYTES) continue
      await file.datasync()
      synced = bytes
    }
    await file.datasync()
    return bytes
  } finally {
    await file.close()
  }
}

/** Goes on where a write stops early. */
export async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let left = chunks.slice()
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left)
    // A write may stop early; go on where it did.
    while (left.length > 0 && bytesWritten >= left[0]!.length) bytesWritten -= left.shift()!.length
    if (bytesWritten > 0) left = [left[0]!.subarray(bytesWritten), ...left.slice(1)]
  }
}
