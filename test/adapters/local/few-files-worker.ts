/**
 * Opens the store in <directory>, then as many files as this process may, and tells what the store's health says: before,
 * with no file to spare, and when there are some again. The parent limits the number of files.
 */
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEmbedded } from '../../../src/embedded/embedded.ts'

const LOOKS_MAX = 100

const { health, close } = await openEmbedded({ directory: process.argv[2]!, reportError: () => {} })
const told: unknown[] = [await health?.look()]
// Not one that has just been found sound.
await sleep(600)
const files: number[] = []
let full: string | undefined
for (let looks = 0; full === undefined && looks < LOOKS_MAX; looks += 1) {
  // What works in the background may have closed one meanwhile, or found the store sound a moment ago.
  if (looks > 0) await sleep(100)
  try {
    for (;;) files.push(openSync('/dev/null', 'r'))
  } catch {
    full = await health?.look()
  }
}
told.push(full)
for (const file of files) closeSync(file)
let last = await health?.look()
for (let looks = 0; last !== undefined && looks < LOOKS_MAX; looks += 1) {
  await sleep(100)
  last = await health?.look()
}
told.push(last)
await close()
process.stdout.write(JSON.stringify(told.map(words => words ?? null)))
