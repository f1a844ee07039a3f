import { encodeHead } from '../../../src/core/log/head.ts'
import type { ActorKind } from './actor.ts'

/** Nobody who does anything: where they are, writes of heads are paid for by what stands in them, as in DynamoDB. */
export const prices: ActorKind = {
  name: 'prices',
  // Small units, so that tails of a few records cost more than none.
  headCost: { unitBytes: 256, bytesOf: (_, head) => encodeHead(head).length },
  make: () => ({ live: async () => {} }),
}
