import { type Kinds, lazily } from '../../src/adapters/aws/table/lazily.ts'
import { POSTED_AT_ONCE_TIMEOUT_MS } from '../../src/core/limits.ts'
import type { WakePosts } from '../../src/ports/wake-posts.ts'

const POSTS: Kinds<WakePosts> = { post: 'one' }

/**
 * Posts a few messages to their sockets, and calls the function that posts for all others. What either takes is loaded with the first one.
 * @param url the address of the WebSocket API's stage
 */
export function postsOnDemand(functionName: string, url: string): WakePosts {
  const handOn = async () => {
    const { LambdaWakePosts } = await import('../../src/adapters/aws/delivery/lambda-wake-posts.ts')
    return new LambdaWakePosts(functionName)
  }
  const open = async () => {
    const [{ GatewaySockets }, { PostsAtOnce }] = await Promise.all([
      import('../../src/adapters/aws/delivery/gateway-sockets.ts'),
      import('../../src/broker/waking/posts-at-once.ts'),
    ])
    const region = process.env.AWS_REGION
    const sockets = new GatewaySockets({
      url,
      timeoutMs: POSTED_AT_ONCE_TIMEOUT_MS,
      ...(region && { region }),
    })
    return new PostsAtOnce(sockets, lazily<WakePosts>(handOn, POSTS))
  }
  return lazily<WakePosts>(open, POSTS)
}
