import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Of Linux, which counts them in hundredths of a second whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100

/** User and system time of a process so far. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** The most memory that a process ever had resident. */
export function peakMegabytes(pid: number): number {
  const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return (Number(kibibytes) * 1024) / 1e6
}

/** What a folder takes on its disk: files that are reserved and not filled count as far as they are filled. */
export function bytesOnDisk(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    try {
      bytes += statSync(join(entry.parentPath, entry.name)).blocks * 512
    } catch {
      // It has gone meanwhile.
    }
  }
  return bytes
}
