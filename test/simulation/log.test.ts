import { checkWorld } from './check-world.ts'
import { LOG_ACTORS } from './defects.ts'

checkWorld('one topic’s log', {
  actors: LOG_ACTORS,
  seeds: 2_000,
  atLeast: { acknowledged: 20, unknown: 1, crashes: 1, returns: 1, repetitions: 1 },
})

checkWorld('topics that are made, grown and deleted while they are written to', {
  actors: ['topics', 'writers', 'readers', 'deletions', 'flushes'],
  seeds: 1_000,
  atLeast: { made: 4, deleted: 2, acknowledged: 20, unknown: 5, crashes: 1, sleeps: 1 },
})

checkWorld('a log whose clocks somebody sets', {
  actors: [...LOG_ACTORS, 'pollers', 'clocks'],
  seeds: 500,
  atLeast: { steps: 10, acknowledged: 20, returns: 1, repetitions: 1, polls: 3 },
})

checkWorld('topics whose clocks somebody sets', {
  actors: ['topics', 'writers', 'readers', 'deletions', 'flushes', 'clocks'],
  seeds: 200,
  atLeast: { steps: 10, made: 4, deleted: 2, acknowledged: 20 },
})

checkWorld('a log whose writers pay for each write of its head', {
  actors: [...LOG_ACTORS, 'prices'],
  seeds: 1_000,
  atLeast: { acknowledged: 20, unknown: 1, crashes: 1, returns: 1, repetitions: 1 },
})

checkWorld('many partitions that are read by one request', {
  actors: ['topics', 'writers', 'tailers', 'deletions', 'flushes'],
  seeds: 300,
  atLeast: { made: 4, acknowledged: 20, crashes: 1, polls: 3 },
})
