import { NotApplied, StoreDamaged, StoreFailed } from '../../ports/outcome.ts'
import { describeLockHolder } from './lock-holder.ts'

/** What a person is told of a full disk; a write that succeeds later ends it. */
const MAKE_ROOM = 'make room, and writing goes on by itself'

/** What a store says that was opened to be read. */
export const READ_ONLY = 'it was opened for reading only: open it for writing'

/** What to do about an error of the file system that does not go by itself. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'this user may not: give it the permission to read and write there',
  EDQUOT: `the disk quota is used up: ${MAKE_ROOM}`,
  EFBIG: 'a file may not grow any further: raise the limit (ulimit -f)',
  EIO: 'the disk failed: look at it, and at what the system says of it',
  EISDIR: 'there is a folder where a file should be: move it away',
  ELOOP: 'symbolic links lead in a circle there: mend them',
  ENAMETOOLONG: 'the path is too long: choose a shorter one',
  ENODEV: 'the disk is gone: look at it, and at what the system says of it',
  ENOSPC: `the disk is full: ${MAKE_ROOM}`,
  ENOTDIR: 'there is a file where a folder should be: move it away, or choose another directory',
  ENXIO: 'the disk is gone: look at it, and at what the system says of it',
  EPERM: 'this user may not: give it the permission to read and write there',
  EROFS: 'it can only be read there: mount it for writing',
  ESTALE: 'the disk is gone: look at it, and at what the system says of it',
}

/** What may go by itself: others' files come and go. */
const PASSES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

/** Gone with the next file that is closed: worth another try. */
const TABLE_IS_FULL: Readonly<Record<string, string>> = {
  EMFILE: 'this process has as many files open as it may: raise the limit (ulimit -n)',
  ENFILE: 'this machine has as many files open as it may: close some, or raise its limit',
}

/**
 * An error of the file system as one of the ways in which a call to a store can fail, with what to do about it.
 * @param doing what could not be done, and where: `the object could not be written in /var/tides`
 * @param isUnsure whether it may be done all the same
 */
export function asFileFailure(error: unknown, doing: string, isUnsure = false): NotApplied | StoreFailed {
  const { code = '', message } = error as NodeJS.ErrnoException
  const advice = ADVICE[code]
  if (advice !== undefined) {
    const mayPass = PASSES.has(code)
    return new StoreFailed(`${doing}: ${advice} (${message})`, { cause: error, isUnsure, mayPass })
  }
  const told = code in TABLE_IS_FULL ? `${TABLE_IS_FULL[code]} (${message})` : message
  return new NotApplied(`${doing}: ${told}`, { cause: error })
}

/** SQLite's result codes, without what their extensions add. */
const SQLITE = {
  permission: 3,
  busy: 5,
  locked: 6,
  readOnly: 8,
  inputOutput: 10,
  corrupt: 11,
  full: 13,
  protocol: 15,
  cannotOpen: 14,
  authorization: 23,
  notADatabase: 26,
} as const

/** The extension of SQLite's error of input and output that says that its shared memory found no room. */
const SHARED_MEMORY_IS_FULL = 4874

/** Whether it is an error of SQLite's. */
export function isSqliteError(error: unknown): error is Error & { readonly errcode?: number } {
  return (error as NodeJS.ErrnoException).code === 'ERR_SQLITE_ERROR'
}

/** Whether another connection has the database for itself just now. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && codeOf(error) === SQLITE.busy
}

/** Whether SQLite waited in vain for another process to say where the write-ahead log ends. */
export function isStalled(error: unknown): boolean {
  return isSqliteError(error) && codeOf(error) === SQLITE.protocol
}

/** Whether there was no room for what was to be written. SQLite has then written nothing that it believes in. */
export function isFull(error: unknown): boolean {
  if (!isSqliteError(error)) return false
  return codeOf(error) === SQLITE.full || error.errcode === SHARED_MEMORY_IS_FULL
}

/**
 * Whether there was no room for the transaction itself. What ends it is written last: so it was not committed, and never will
 * be. Where there was no room for what tells other processes of it, it may be found after a crash.
 */
export function isFullBeforeCommit(error: unknown): boolean {
  return isSqliteError(error) && codeOf(error) === SQLITE.full
}

/** Whether SQLite could not make a file, or write to it. */
export function isNotWritable(error: unknown): boolean {
  return isSqliteError(error) && (codeOf(error) === SQLITE.cannotOpen || codeOf(error) === SQLITE.readOnly)
}

/** Whether what stands in the file makes no sense. */
export function isDamage(error: unknown): boolean {
  return isSqliteError(error) && (codeOf(error) === SQLITE.corrupt || codeOf(error) === SQLITE.notADatabase)
}

/** Whether the disk failed under it. */
export function isDiskFailure(error: unknown): boolean {
  return isSqliteError(error) && codeOf(error) === SQLITE.inputOutput && !isFull(error)
}

/**
 * An error of SQLite's as one of the ways in which a call to a store can fail, with what to do about it; any other as it
 * is.
 * @param doing what could not be done: `could not be read`
 * @param isUnsure whether it may be done all the same
 */
export function asSqliteFailure(error: unknown, path: string, doing: string, isUnsure = false): unknown {
  if (!isSqliteError(error)) return error
  const told = `the index ${path} ${doing}`
  const advice = isFull(error) ? ADVICE.ENOSPC! : adviceFor(codeOf(error))
  if (advice === undefined) {
    const why =
      isBusy(error) || isStalled(error) ? `it is locked by ${describeLockHolder(path)}` : error.message
    return new NotApplied(`${told}: ${why}`, { cause: error })
  }
  const Failure = isDamage(error) ? StoreDamaged : StoreFailed
  return new Failure(`${told}: ${advice} (${error.message})`, {
    cause: error,
    isUnsure,
    mayPass: isFull(error),
  })
}

function adviceFor(code: number): string | undefined {
  switch (code) {
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return 'it is damaged. Stop all brokers of this store, keep a copy of the directory, and bring a backup of it back'
    case SQLITE.permission:
    case SQLITE.authorization:
    case SQLITE.readOnly:
      return 'it can only be read: mount the disk for writing, or give this user the permission to write'
    case SQLITE.inputOutput:
      return ADVICE.EIO
    case SQLITE.cannotOpen:
      return 'is it there, a file, may this user read and write it, and are there files to spare (ulimit -n)?'
    default:
      return undefined
  }
}

function codeOf({ errcode = 0 }: { readonly errcode?: number }): number {
  return errcode % 256
}
