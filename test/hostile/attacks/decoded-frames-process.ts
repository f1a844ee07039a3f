/**
 * Decodes damaged requests in a process that does nothing else, so that what memory stays is theirs: `node --expose-gc
 * decoded-frames-process.ts SEED TURNS FRAMES`. Tells its parent what came of each turn.
 */
import { decodeMutations } from '../frames/decoding.ts'
import type { Turn } from './decoded-frames.ts'

const [seed, turns, frames] = process.argv.slice(2).map(Number) as [number, number, number]

for (let turn = 0; turn < turns; turn++) {
  const result = decodeMutations(seed + turn, frames)
  process.send!({ ...result, heapMb: heapMb() } satisfies Turn)
}
process.disconnect()

/** What is in use, and in buffers, once what is not in use has been collected. */
function heapMb(): number {
  globalThis.gc!()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 1e6
}
