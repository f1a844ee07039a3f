import { expect, test } from 'vitest'
import { TROUBLES } from '../hostile/store-troubles.ts'

test.each(Object.entries(TROUBLES))('nothing acknowledged is lost by a %s', async (_, trouble) => {
  const lines: string[] = []
  await trouble(line => lines.push(line), { rounds: 2, seed: 20_261_129 }).catch(error => {
    expect.fail(`${lines.join('\n')}\n${error}`)
  })
})
