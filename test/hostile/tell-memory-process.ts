/**
 * Loaded into a broker's process before it begins (`--import`): at each line `SIGUSR2` it tidies up and tells what it holds, in a
 * line of JSON that begins with MARK. It is part of no broker that anybody runs.
 */
import { readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'
import { MARK } from './told-memory.ts'

if (isMainThread) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  process.on('SIGUSR2', () => {
    // What finalizers let go of is gone with the second round only.
    collect()
    setImmediate(() => {
      collect()
      const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
      const active: Record<string, number> = {}
      for (const kind of process.getActiveResourcesInfo()) active[kind] = (active[kind] ?? 0) + 1
      const descriptors = readdirSync('/proc/self/fd').length
      process.stderr.write(
        `${MARK}${JSON.stringify({ rss, heapUsed, external, arrayBuffers, descriptors, active })}\n`,
      )
    })
  })
}
