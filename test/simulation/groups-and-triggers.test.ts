import { ACTORS } from './actors/index.ts'
import { checkWorld } from './check-world.ts'

checkWorld('a group', {
  actors: ['members'],
  seeds: 1_900,
  atLeast: { changes: 10, commits: 20, fenced: 0.5, removals: 0.1, crashes: 1, epochs: 5 },
})

checkWorld('a group whose members assign among themselves', {
  actors: ['classic'],
  seeds: 600,
  atLeast: { generations: 3, lives: 1, commits: 5, 'other kind': 0.1, crashes: 1, sleeps: 0.1 },
})

checkWorld('the same whose clocks somebody sets', {
  actors: ['classic', 'clocks'],
  seeds: 200,
  atLeast: { steps: 10, generations: 3, commits: 5 },
})

checkWorld('a group over Kafka’s newer protocol', {
  actors: ['consumers'],
  seeds: 600,
  atLeast: { taken: 5, 'consumers’ commits': 10, 'consumers’ epochs': 4, crashes: 1, sleeps: 0.1 },
})

checkWorld('a group over Kafka’s newer protocol whose clocks somebody sets', {
  actors: ['consumers', 'clocks'],
  seeds: 200,
  atLeast: { steps: 10, 'consumers’ commits': 10, 'consumers’ epochs': 4, crashes: 1 },
})

checkWorld('triggers', {
  actors: ['triggers'],
  seeds: 120,
  atLeast: { appended: 80, calls: 80, repeats: 1, told: 5, resets: 0.5, crashes: 1 },
})

checkWorld('a group whose clocks somebody sets', {
  actors: ['members', 'clocks'],
  seeds: 500,
  atLeast: { steps: 10, changes: 10, commits: 20, removals: 0.1, epochs: 5 },
})

checkWorld('triggers whose clocks somebody sets', {
  actors: ['triggers', 'clocks'],
  seeds: 50,
  atLeast: { steps: 10, calls: 80, told: 5 },
})

checkWorld('everybody', {
  // Who makes transactions takes his time, and has a world of his own with the others.
  actors: ACTORS.map(({ name }) => name).filter(name => name !== 'transactions' && name !== 'processors'),
  seeds: 100,
  atLeast: {
    made: 4,
    deleted: 2,
    acknowledged: 20,
    repetitions: 1,
    changes: 10,
    epochs: 5,
    calls: 80,
    sleeps: 1,
  },
})
