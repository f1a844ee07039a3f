import { checkWorld } from './check-world.ts'

checkWorld('listeners', {
  actors: ['listeners'],
  seeds: 600,
  atLeast: {
    'asks to arm': 8,
    'asks to look': 0.3,
    'asks to poll': 4,
    'woken in time': 5,
    'found by looks': 3,
    pushed: 1.5,
    crashes: 4,
  },
})

checkWorld('listeners among others', {
  actors: ['listeners', 'writers', 'flushes', 'clocks'],
  seeds: 60,
  atLeast: { 'asks to arm': 8, 'woken in time': 2, pushed: 0.5, acknowledged: 20 },
})
