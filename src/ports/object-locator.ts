import type { Position } from '../core/numbers.ts'

/** Hands out URLs from which anybody who has one can read a byte range of an object, for a while. */
export interface ObjectLocator {
  locate(key: string, position: Position, bytes: number): Promise<{ url: string; expiresMs: number }>
}
