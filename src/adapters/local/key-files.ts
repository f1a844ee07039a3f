import type { Dirent } from 'node:fs'
import { readdir, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { compareKeys } from '../../core/key-order.ts'

/**
 * The keys of the files in a folder that begin with `prefix` and sort below `below`, in order: a key is a file's path in
 * it. Only folders that can hold such keys are looked into, one at a time and when their turn comes; one that goes
 * meanwhile holds none.
 * @throws Error with a code where a folder cannot be read, or `directory` itself is not there
 */
export async function* keysIn(
  directory: string,
  prefix: string,
  below: string | undefined,
): AsyncGenerator<string> {
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  yield* walk(start)

  /** @param folder with its slash; '' is the directory itself */
  async function* walk(folder: string): AsyncGenerator<string> {
    for (const { key, isFolder } of await namesIn(folder)) {
      if (below !== undefined && compareKeys(key, below) >= 0) return
      const mayHold = key.startsWith(prefix) || (isFolder && prefix.startsWith(key))
      if (!mayHold) continue
      if (isFolder) yield* walk(key)
      else yield key
    }
  }

  /** In the order of the keys that they are, or that they hold. */
  async function namesIn(folder: string): Promise<{ key: string; isFolder: boolean }[]> {
    const entries = await readdir(join(directory, folder), { withFileTypes: true }).catch(error =>
      noneWhereGone(error, folder),
    )
    return entries
      .filter(entry => entry.isFile() || entry.isDirectory())
      .map(entry => ({
        key: `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`,
        isFolder: entry.isDirectory(),
      }))
      .sort((left, right) => compareKeys(left.key, right.key))
  }

  function noneWhereGone(error: NodeJS.ErrnoException, folder: string): Dirent[] {
    if (folder !== '' && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return []
    throw error
  }
}

/**
 * Removes a folder if nothing is in it, and then those above it, up to the ones that lie in `directory` itself. Tells which
 * have gone.
 * @throws Error with a code
 */
export async function removeEmptyFolders(directory: string, folder: string): Promise<string[]> {
  const removed: string[] = []
  for (let path = folder; dirname(path) !== directory && path !== directory; path = dirname(path)) {
    if (!(await removeIfEmpty(path))) break
    removed.push(path)
  }
  return removed
}

/** Tells whether it is gone, also if it had gone before. */
async function removeIfEmpty(path: string): Promise<boolean> {
  try {
    await rmdir(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return true
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    throw error
  }
}
