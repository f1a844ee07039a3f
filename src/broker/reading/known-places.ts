import { PLACES_REMEMBERED_MAX } from '../../core/limits.ts'
import type { KnownPlace } from '../../core/log/read-plan.ts'
import type { Offset } from '../../core/numbers.ts'
import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'

/**
 * Where reads have ended inside of objects: a consumer goes on exactly there, and need not read from the last mark
 * on. Objects never change, so what is remembered stays true; what is forgotten costs a few KB.
 */
export class KnownPlaces {
  /** The one that was added first comes first. */
  readonly #places = new Map<string, KnownPlace>()

  find(partition: PartitionId, offset: Offset): KnownPlace | undefined {
    return this.#places.get(placeKey(partition, offset))
  }

  add(partition: PartitionId, place: KnownPlace): void {
    const key = placeKey(partition, place.offset)
    this.#places.delete(key)
    this.#places.set(key, place)
    if (this.#places.size > PLACES_REMEMBERED_MAX) this.#places.delete(this.#places.keys().next().value!)
  }
}

function placeKey(partition: PartitionId, offset: Offset): string {
  return `${partitionKey(partition)}@${offset}`
}
