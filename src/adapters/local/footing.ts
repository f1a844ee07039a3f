import { statSync } from 'node:fs'
import { StoreFailed } from '../../ports/outcome.ts'

/** How long a look holds, for those that look before they write. */
const LOOK_BEFORE_MS = 50

/**
 * The files and folders that an open store stands on. Open files outlive their names: what is written to them after
 * somebody has removed or replaced them is synced, acknowledged and lost. So whoever acknowledges looks first whether
 * the names still lead to what was opened.
 */
export class Footing {
  readonly #directory: string
  readonly #taken = new Map<string, string>()
  /** When all was last as it was. */
  #soundMs = Number.NEGATIVE_INFINITY

  /** @param directory absolute, as all paths here */
  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Stands on what has this name now. Whoever calls keeps it open: else another file could be given its number.
   * @throws Error with a code where there is nothing
   */
  take(path: string): void {
    this.#taken.set(path, identityOf(path)!)
  }

  /** What is not there any more, or something else, and what to do about it; undefined where all is as it was. */
  trouble(): string | undefined {
    for (const [path, taken] of this.#taken) {
      const found = identify(path)
      if (found === taken) continue
      const what = found === undefined ? `${path} is gone` : `${path} is not what it was`
      return (
        `the store in ${this.#directory} was taken away from under this broker: ${what}. Nothing is written any more, ` +
        'since it would be lost: put it back, or stop the broker and start it again'
      )
    }
    return undefined
  }

  /**
   * Before something is written: who is refused now knows that nothing was. Not before each of many writes, since the look
   * after each is the one that counts.
   * @throws StoreFailed where not all is as it was
   */
  checkBefore(): void {
    if (performance.now() - this.#soundMs > LOOK_BEFORE_MS) this.check(false)
  }

  /**
   * @param isUnsure whether something has been written meanwhile
   * @throws StoreFailed where not all is as it was
   */
  check(isUnsure: boolean): void {
    const trouble = this.trouble()
    this.#soundMs = trouble === undefined ? performance.now() : Number.NEGATIVE_INFINITY
    if (trouble !== undefined) throw new StoreFailed(trouble, { isUnsure })
  }
}

/** As identityOf; undefined also where nobody can look. */
function identify(path: string): string | undefined {
  try {
    return identityOf(path, true)
  } catch {
    return undefined
  }
}

function identityOf(path: string, mayBeMissing = false): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: !mayBeMissing })
  return found && `${found.dev}:${found.ino}`
}
