import type { openAwsBucket } from '../../src/adapters/aws/objects/aws-bucket.ts'

type OpenBucket = typeof openAwsBucket

/**
 * A bucket whose code is loaded with the first object that is asked for. Most of what is produced is small and stays in
 * the table until it is flushed, and S3's client is a third of all that a function would load.
 */
export const openBucketOnDemand: OpenBucket = options => {
  let opening: Promise<ReturnType<OpenBucket>> | undefined
  const open = () => {
    opening ??= import('../../src/adapters/aws/objects/aws-bucket.ts').then(module =>
      module.openAwsBucket(options),
    )
    return opening
  }
  return {
    objects: {
      put: async (...call) => await (await open()).objects.put(...call),
      putLarge: async (...call) => await (await open()).objects.putLarge(...call),
      get: async (...call) => await (await open()).objects.get(...call),
      remove: async (...call) => await (await open()).objects.remove(...call),
      removeAll: async (...call) => await (await open()).objects.removeAll(...call),
      async *list(...call) {
        yield* (await open()).objects.list(...call)
      },
    },
    locator: { locate: async (...call) => await (await open()).locator.locate(...call) },
    // A function's connections end with its environment.
    close: () => {},
  }
}
