import { mkdir, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder and those above it, each durably known to its parent. Where it is there already, another process
 * may have made it a moment ago, so its parent is synced all the same.
 */
export async function makeFolder(path: string): Promise<void> {
  // Absolute, so that every step up makes it shorter: a relative one ends in '.', and never gets beyond.
  const absolute = resolve(path)
  const first = (await mkdir(absolute, { recursive: true })) ?? absolute
  for (let made = absolute; made.length >= first.length && made !== '/'; made = dirname(made)) {
    await syncFolder(dirname(made))
  }
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
