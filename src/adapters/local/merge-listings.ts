import { compareKeys } from '../../core/key-order.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'

/** Two listings in the order of their keys as one; of what is in both, the first one's. */
export async function* mergeListings(
  first: readonly ObjectInfo[],
  second: AsyncIterable<ObjectInfo>,
): AsyncGenerator<ObjectInfo> {
  let next = 0
  for await (const object of second) {
    while (next < first.length && compareKeys(first[next]!.key, object.key) < 0) yield first[next++]!
    if (first[next]?.key === object.key) yield first[next++]!
    else yield object
  }
  yield* first.slice(next)
}
