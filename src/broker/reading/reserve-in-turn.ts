import type { Fetch } from '../../contract/broker.ts'

/** One call after the other: each adds to what was granted before. */
export function inTurn(reserve: NonNullable<Fetch['reserve']>): NonNullable<Fetch['reserve']> {
  let last = Promise.resolve()
  return bytes => {
    const granted = last.then(() => reserve(bytes))
    last = granted.catch(() => {})
    return granted
  }
}
