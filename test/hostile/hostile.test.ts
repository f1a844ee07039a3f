/** Every attack of the program, in its short form. Times are the machine's: only what does not depend on them is held. */
import { expect, test } from 'vitest'
import { ATTACKS } from './attacks/index.ts'
import { OWN_TREE } from './broker-process.ts'
import { type Figure, isKept } from './figures.ts'
import { Scene } from './scene.ts'
import { TROUBLES } from './store-troubles.ts'

/** They have tests of their own. */
const ELSEWHERE = ['set-clocks', ...Object.keys(TROUBLES)]

test.each(
  ATTACKS.filter(({ name }) => !ELSEWHERE.includes(name)).map(attack => ({ name: attack.name, attack })),
)('a broker withstands $name', { timeout: 200_000 }, async ({ attack }) => {
  const figures: Figure[] = []
  const lines: string[] = []
  const scene = new Scene({
    tree: OWN_TREE,
    scale: 'short',
    seed: 1,
    seconds: 4,
    report: figure => figures.push(figure),
    tell: line => lines.push(line),
  })
  try {
    await attack.run(scene)
  } finally {
    await scene.close()
  }
  const broken = figures.filter(figure => !figure.isTimed && !isKept(figure))
  expect(broken, lines.join('\n')).toEqual([])
  expect(figures.filter(({ atMost, atLeast }) => (atMost ?? atLeast) !== undefined)).not.toEqual([])
})
