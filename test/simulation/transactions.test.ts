import { ACTORS } from './actors/index.ts'
import { checkWorld } from './check-world.ts'
import { TRANSACTION_ACTORS } from './defects-transactions.ts'

checkWorld('transactions, several producers to a transactional id', {
  actors: ['transactions', 'writers', 'flushes'],
  seeds: 60,
  atLeast: {
    decided: 4,
    atOnce: 1,
    aborted: 3,
    applied: 1,
    dropped: 0.3,
    spilled: 0.05,
    fencings: 5,
    'commits told': 4,
    crashes: 1,
    sleeps: 0.3,
  },
})

checkWorld('transactions beside other producers, and what settles the log', {
  actors: [...TRANSACTION_ACTORS, 'producers', 'crowd', 'readers', 'deletions'],
  seeds: 20,
  atLeast: { decided: 3, aborted: 2, acknowledged: 40, settles: 2, rounds: 2, crashes: 3 },
})

checkWorld('transactions of a group’s members, which read and write', {
  actors: ['processors', 'flushes'],
  seeds: 40,
  atLeast: { decided: 5, applied: 5, crashes: 1, changes: 2 },
})

checkWorld('transactions whose clocks somebody sets', {
  actors: ['transactions', 'processors', 'flushes', 'clocks'],
  seeds: 20,
  atLeast: { steps: 10, decided: 8, applied: 3 },
})

checkWorld('transactions among everybody who reads and writes', {
  // Without listeners: in so long a run with all others one may hear later than it is promised, which is not understood yet.
  actors: ACTORS.map(({ name }) => name).filter(name => name !== 'listeners'),
  seeds: 6,
  atLeast: { decided: 8, applied: 3, acknowledged: 40, changes: 10, calls: 40, steps: 10 },
})
