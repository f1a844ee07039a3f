/**
 * Loaded into a broker's process before it begins (`--import`): at each line `SIGUSR2` it tidies up and tells what it holds, in a
 * line of JSON that begins with MARK. It is part of no broker that anybody runs.
 */
import { readdirSync, readlinkSync } from 'node:fs'
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
      const descriptors = readdirSync('/proc/self/fd').map(targetOf)
      const sockets = descriptors.filter(target => target.startsWith('socket:')).length
      const told = { rss, heapUsed, external, arrayBuffers, sockets, files: descriptors.length - sockets }
      process.stderr.write(`${MARK}${JSON.stringify({ ...told, active })}\n`)
    })
  })
}

function targetOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    // The one by which the folder was read.
    return ''
  }
}
