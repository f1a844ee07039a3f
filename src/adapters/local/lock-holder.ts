import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { STORE_HOLDER_CHARACTERS_MAX } from '../../core/limits.ts'

/** The byte of a database's shared memory that whoever writes has locked: SQLite's WAL_WRITE_LOCK. */
const WRITE_LOCK_BYTE = 120

/** Options and variables whose values nobody else may read, and programs, which may hold anything. */
const SECRET = /token|secret|pass|key|auth|credential|cookie|header|^-e$|^--eval/i
/** Who calls, with what, in a URL. */
const USER_OF_URL = /\/\/[^/\s]*@/g

/**
 * Who has the write lock of a database in write-ahead mode, in words that can follow `locked by`, as far as this machine
 * tells: on Linux, of processes that this one can see.
 */
export function describeLockHolder(path: string): string {
  return findLockHolder(path) ?? 'another process, which cannot be seen from here'
}

function findLockHolder(path: string): string | undefined {
  try {
    const { dev: device, ino: number } = statSync(`${path}-shm`, { bigint: true })
    const place = `${hex(majorOf(device))}:${hex(minorOf(device))}:${number}`
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const [, , , kind, pid, where, first, last] = line.trim().split(/\s+/)
      if (kind !== 'WRITE' || where !== place || Number(pid) <= 0) continue
      const reaches = last === 'EOF' || Number(last) >= WRITE_LOCK_BYTE
      if (Number(first) <= WRITE_LOCK_BYTE && reaches) return describeProcess(Number(pid))
    }
  } catch {
    // No Linux, or it is not told here.
  }
  return undefined
}

function describeProcess(pid: number): string {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  // The name before it may have spaces and parentheses of its own.
  const state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0]
  const isStopped = state === 'T' || state === 't'
  const what = `process ${pid} (${withoutSecrets(command)})`
  return isStopped ? `${what}, which is stopped: let it go on (kill -CONT ${pid}), or end it` : what
}

/** A command line as one may show it: it says who it is, and nothing that only its owner may know. */
function withoutSecrets([program = '', ...given]: readonly string[]): string {
  const shown = given.map((argument, index) => {
    const before = given[index - 1]
    if (before !== undefined && isOption(before) && SECRET.test(before) && !before.includes('=')) return '…'
    const shown = SECRET.test(argument) ? argument.replace(/=.*/s, '=…') : argument
    return shown.replace(USER_OF_URL, '//…@')
  })
  const line = [basename(program), ...shown].join(' ').replace(/\s+/g, ' ')
  return line.length > STORE_HOLDER_CHARACTERS_MAX ? `${line.slice(0, STORE_HOLDER_CHARACTERS_MAX)}…` : line
}

function isOption(argument: string): boolean {
  return argument.startsWith('-')
}

function majorOf(device: bigint): bigint {
  return ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)
}

function minorOf(device: bigint): bigint {
  return (device & 0xffn) | ((device >> 12n) & ~0xffn)
}

function hex(number: bigint): string {
  return number.toString(16).padStart(2, '0')
}
