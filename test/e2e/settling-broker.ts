/**
 * A broker on a directory behind HTTP, as `tidemark dev` runs one, whose log settles all the while: what takes hours elsewhere
 * takes moments. `node test/e2e/settling-broker.ts DIRECTORY`; it says where it listens, and ends with SIGTERM.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { SettlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { createHttpApp } from '../../src/contract/http/app.ts'
import { openEmbedded } from '../../src/embedded/embedded.ts'
import { startHttpServer } from '../../src/embedded/http-server.ts'
import { type DevProcess, whenListening } from '../cli/tidemark-process.ts'

/** How long an object stays that nothing needs any more. */
export const SHORT_GRACE_MS = 300

const SOON: Partial<SettlingSettings> = {
  graceMs: SHORT_GRACE_MS,
  roundMs: 400,
  advanceMs: 200,
  leaseMs: 500,
  resweepMs: 500,
  rollBytes: 20_000,
  rollEntries: 20,
  rollAgedMs: 100,
  rollAgedBytes: 1,
  rollYoungMs: 0,
  mergeSegmentsMin: 4,
  mergeSegmentsMax: 8,
}

/** Runs it in a process of its own. */
export function startSettlingBroker(directory: string): Promise<DevProcess> {
  return whenListening(spawn(process.execPath, [fileURLToPath(import.meta.url), directory]))
}

async function main(directory: string): Promise<void> {
  const store = await openEmbedded({ directory, settles: 'in-background', settling: SOON })
  const app = createHttpApp({ broker: store.broker, logger: { error: console.error } })
  const server = await startHttpServer(app, { port: 0 })
  console.log(`listens on ${server.url}`)
  await once(process, 'SIGTERM')
  await server.close()
  await store.close()
}

if (import.meta.main) await main(process.argv[2]!)
