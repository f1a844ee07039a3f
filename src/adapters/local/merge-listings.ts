import { compareKeys } from '../../core/key-order.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'

type Listing = readonly ObjectInfo[] | AsyncIterable<ObjectInfo>

/** Two listings in the order of their keys as one; of what is in both, the first one's. */
export async function* mergeListings(first: Listing, second: Listing): AsyncGenerator<ObjectInfo> {
  const [ones, others] = [iterate(first), iterate(second)]
  try {
    // The first one is begun first.
    let one = await ones.next()
    let other = await others.next()
    while (!one.done && !other.done) {
      const order = compareKeys(one.value.key, other.value.key)
      yield order <= 0 ? one.value : other.value
      if (order >= 0) other = await others.next()
      if (order <= 0) one = await ones.next()
    }
    for (; !one.done; one = await ones.next()) yield one.value
    for (; !other.done; other = await others.next()) yield other.value
  } finally {
    await ones.return(undefined)
    await others.return(undefined)
  }
}

async function* iterate(listing: Listing): AsyncGenerator<ObjectInfo> {
  yield* listing
}
