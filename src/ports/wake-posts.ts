import type { Post } from '../core/waking/posts.ts'

/** Hands messages for listeners to whoever posts them. */
export interface WakePosts {
  /**
   * Resolves when they are taken, not when they are posted. Handed on twice they may be posted twice.
   * @returns sockets that are known to be gone
   * @throws NotApplied, OutcomeUnknown (hand them on again), StoreFailed
   */
  post(posts: readonly Post[]): Promise<readonly string[]>
}
