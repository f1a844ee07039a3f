import type { WakePosts } from '../../src/ports/wake-posts.ts'

/** Calls of the function that posts; Lambda's client is loaded with the first one. */
export function postsOnDemand(functionName: string): WakePosts {
  let opening: Promise<WakePosts> | undefined
  const open = () => {
    opening ??= import('../../src/adapters/aws/delivery/lambda-wake-posts.ts').then(
      module => new module.LambdaWakePosts(functionName),
    )
    return opening
  }
  return { post: async posts => await (await open()).post(posts) }
}
