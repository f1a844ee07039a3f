import { readFileSync } from 'node:fs'
import { DESCRIPTORS_DEFAULT_MAX } from '../../core/limits.ts'

/** How many files and connections this process may have open together: its RLIMIT_NOFILE, which Node has raised as far as it goes. */
export function descriptorsMax(): number {
  return fromProc() ?? fromReport() ?? DESCRIPTORS_DEFAULT_MAX
}

/** On Linux, where it costs nothing. */
function fromProc(): number | undefined {
  try {
    const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return toNumber(soft)
  } catch {
    return undefined
  }
}

function fromReport(): number | undefined {
  const { userLimits } = (process.report?.getReport() ?? {}) as {
    userLimits?: { open_files?: { soft?: unknown } }
  }
  return toNumber(userLimits?.open_files?.soft)
}

function toNumber(limit: unknown): number | undefined {
  if (limit === 'unlimited') return Number.POSITIVE_INFINITY
  const number = Number(limit)
  return limit !== undefined && number > 0 ? number : undefined
}
