import type { ActorKind } from './actor.ts'
import { classic } from './classic.ts'
import { cleaners } from './cleaners.ts'
import { clocks } from './clocks.ts'
import { consumers } from './consumers.ts'
import { crowd } from './crowd.ts'
import { deletions } from './deletions.ts'
import { flushes } from './flushes.ts'
import { listeners } from './listeners.ts'
import { members } from './members.ts'
import { pollers } from './pollers.ts'
import { prices } from './prices.ts'
import { processors } from './processors.ts'
import { producers } from './producers.ts'
import { readers } from './readers.ts'
import { tailers } from './tailers.ts'
import { topics } from './topics.ts'
import { transactions } from './transactions.ts'
import { triggers } from './triggers.ts'
import { upkeep } from './upkeep.ts'
import { writers } from './writers.ts'

/** Everybody who can take part in a world. */
export const ACTORS: readonly ActorKind[] = [
  topics,
  writers,
  producers,
  crowd,
  transactions,
  processors,
  readers,
  deletions,
  flushes,
  members,
  classic,
  consumers,
  triggers,
  pollers,
  listeners,
  tailers,
  clocks,
  upkeep,
  cleaners,
  prices,
]

/** @throws Error where one of the names is nobody's */
export function actorsNamed(names: readonly string[]): readonly ActorKind[] {
  const known = new Set(ACTORS.map(({ name }) => name))
  const unknown = names.find(name => !known.has(name))
  if (unknown !== undefined) throw new Error(`"${unknown}" is none of ${[...known].join(', ')}`)
  return ACTORS.filter(({ name }) => names.includes(name))
}
