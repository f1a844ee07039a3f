/** What is said of an item whose value cannot be understood, and what to do. @param key as a person can look it up */
export function damagedItem(key: string, error: unknown): string {
  const why = error instanceof Error ? error.message : String(error)
  return `the item ${key} of the index is damaged (${why}): bring the store back from a backup`
}
