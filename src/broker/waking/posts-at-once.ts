import { POSTED_AT_ONCE_SOCKETS_MAX } from '../../core/limits.ts'
import type { Post } from '../../core/waking/posts.ts'
import type { ListenerSockets } from '../../ports/listener-sockets.ts'
import type { WakePosts } from '../../ports/wake-posts.ts'

/**
 * Posts a few messages itself: to hand them on would cost as much as a tenth of all else, and time. Many, and those that do not get
 * through at once, are handed on: nobody's slow socket holds up the changes that follow.
 */
export class PostsAtOnce implements WakePosts {
  readonly #sockets: ListenerSockets
  readonly #others: WakePosts

  /** @param sockets that give up soon */
  constructor(sockets: ListenerSockets, others: WakePosts) {
    this.#sockets = sockets
    this.#others = others
  }

  async post(posts: readonly Post[]): Promise<readonly string[]> {
    if (posts.length > POSTED_AT_ONCE_SOCKETS_MAX) return await this.#others.post(posts)
    const gone: string[] = []
    const left = await Promise.all(
      posts.map(async post => {
        try {
          if ((await this.#sockets.send(post.socket, post.message)) === 'gone') gone.push(post.socket)
          return undefined
        } catch {
          // Whoever posts the others tells of what does not pass.
          return post
        }
      }),
    )
    const handedOn = left.filter(post => post !== undefined)
    return handedOn.length > 0 ? [...gone, ...(await this.#others.post(handedOn))] : gone
  }
}
