import type { Stretch } from '../../core/batches/stretches.ts'
import { TidemarkError } from '../../core/errors.ts'
import type { Offset } from '../../core/numbers.ts'

/**
 * The object of some offsets is not there, or cannot be made out. Nothing is written in their place, since the object may come back:
 * until then, or until somebody gives them up, the log settles no further.
 */
export class RecordsMissing extends TidemarkError {
  /** The first of them. */
  readonly baseOffset: Offset

  /** @param place as people name the partition: `topic/partition` */
  constructor(place: string, { baseOffset, end }: Stretch) {
    super(
      'KAFKA_STORAGE_ERROR',
      `Offsets ${baseOffset} to ${end - 1} cannot be settled: their object is not there, or cannot be made out. Bring it back, and ` +
        `the partition goes on; or give them up: tidemark maintain --accept-loss ${place}`,
    )
    this.baseOffset = baseOffset
  }
}

/** What is told where somebody has given them up. */
export function givenUp({ baseOffset, end }: Stretch): TidemarkError {
  return new TidemarkError(
    'KAFKA_STORAGE_ERROR',
    `Offsets ${baseOffset} to ${end - 1} are given up. A mark stands in their place, over which consumers go with --skip-corrupt; all ` +
      'others are kept.',
  )
}
