import { inCalls, type Post } from '../../../core/waking/posts.ts'
import type { WakePosts } from '../../../ports/wake-posts.ts'
import { LambdaEvents } from './lambda-events.ts'

/**
 * Calls a Lambda function that posts. Lambda's own queue is all that is between: one of SQS's would be asked for messages all month
 * long, whether there are any or not.
 */
export class LambdaWakePosts implements WakePosts {
  readonly #events: LambdaEvents

  /** Makes the client and sends nothing. */
  constructor(...settings: ConstructorParameters<typeof LambdaEvents>) {
    this.#events = new LambdaEvents(...settings)
  }

  async post(posts: readonly Post[]): Promise<readonly string[]> {
    await Promise.all(inCalls(posts).map(some => this.#events.send({ posts: some })))
    return []
  }

  close(): void {
    this.#events.close()
  }
}
