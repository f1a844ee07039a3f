import { checkWorld } from './check-world.ts'
import { SETTLING_ACTORS } from './defects-upkeep.ts'

checkWorld('a log that settles', {
  actors: [...SETTLING_ACTORS, 'producers', 'crowd', 'readers'],
  seeds: 20,
  atLeast: { acknowledged: 50, unknown: 5, settles: 5, merges: 3, rounds: 3, crashes: 5, sleeps: 1 },
})

checkWorld('topics that settle while they are made, grown and deleted', {
  actors: [...SETTLING_ACTORS, 'topics', 'readers'],
  seeds: 20,
  atLeast: { made: 3, deleted: 1, acknowledged: 10, settles: 2, rounds: 2, crashes: 5 },
})

checkWorld('a log that is compacted and expires, by rules that change', {
  actors: ['cleaners', 'flushes', 'upkeep'],
  seeds: 20,
  atLeast: { settles: 3, passes: 1, expirations: 0.2, alterations: 2, rounds: 2 },
})

checkWorld('a log that settles by clocks that somebody sets', {
  actors: [...SETTLING_ACTORS, 'producers', 'cleaners', 'clocks'],
  seeds: 10,
  atLeast: { steps: 10, settles: 3, merges: 1, acknowledged: 20 },
})

checkWorld('a week in which everything settles', {
  actors: [...SETTLING_ACTORS, 'topics', 'producers', 'readers', 'cleaners'],
  seeds: 10,
  days: 7,
  atLeast: { made: 10, deleted: 5, acknowledged: 200, settles: 10, merges: 5, passes: 3, expirations: 1 },
})
