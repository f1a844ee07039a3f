import { StoreDamaged } from './outcome.ts'

/**
 * What an item of an index means.
 * @param key as a person can look it up
 * @throws StoreDamaged where it means nothing
 */
export function meaningOf<T>(key: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `the item ${key} of the index is damaged (${why}): bring the store back from a backup`
    throw new StoreDamaged(message, { cause: error })
  }
}
