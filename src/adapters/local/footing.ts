import { type BigIntStats, statSync } from 'node:fs'
import { StoreFailed } from '../../ports/outcome.ts'

/** How long a look at everything holds. */
const LOOK_MS = 50

/** A file or a folder, and the number by which the system knows it, whatever its name. */
interface Taken {
  readonly path: string
  readonly device: bigint
  readonly number: bigint
}

/**
 * The files and folders that an open store stands on. Open files outlive their names: what is written to them after
 * somebody has removed or replaced them is synced, acknowledged and lost. So whoever acknowledges looks first whether
 * the names still lead to what was opened: at the file that holds what was written each time, at the others a few times a second.
 */
export class Footing {
  readonly #directory: string
  /** What must be looked at each time. */
  readonly #vital: Taken[] = []
  readonly #others: Taken[] = []
  /** When all was last as it was. */
  #soundMs = Number.NEGATIVE_INFINITY

  /** @param directory absolute, as all paths here */
  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Stands on what has this name now. Whoever calls keeps it open: else another file could be given its number.
   * @param isVital whether what is written would be lost with it
   * @throws Error with a code where there is nothing
   */
  take(path: string, isVital: boolean): void {
    const { dev: device, ino: number } = statSync(path, { bigint: true })
    ;(isVital ? this.#vital : this.#others).push({ path, device, number })
  }

  /** What is not there any more, or something else, and what to do about it; undefined where all is as it was. */
  trouble(): string | undefined {
    const moved = this.#vital.find(isMoved) ?? this.#others.find(isMoved)
    this.#soundMs = moved ? Number.NEGATIVE_INFINITY : performance.now()
    return moved && this.#tell(moved)
  }

  /**
   * Before something is written: who is refused now knows that nothing was. Not before each of many writes, since the look
   * after each is the one that counts.
   * @throws StoreFailed where not all is as it was
   */
  checkBefore(): void {
    if (performance.now() - this.#soundMs > LOOK_MS) this.check(false)
  }

  /**
   * After something was written, and before it is acknowledged.
   * @throws StoreFailed where what holds it is not what it was
   */
  checkAfter(): void {
    const moved = this.#vital.find(isMoved)
    if (moved) throw new StoreFailed(this.#tell(moved), { isUnsure: true })
  }

  /**
   * @param isUnsure whether something has been written meanwhile
   * @throws StoreFailed where not all is as it was
   */
  check(isUnsure: boolean): void {
    const trouble = this.trouble()
    if (trouble !== undefined) throw new StoreFailed(trouble, { isUnsure })
  }

  #tell({ path }: Taken): string {
    const what = find(path) === undefined ? `${path} is gone` : `${path} is not what it was`
    return (
      `the store in ${this.#directory} was taken away from under this broker: ${what}. Nothing is written any more, ` +
      'since it would be lost: put it back, or stop the broker and start it again'
    )
  }
}

function isMoved({ path, device, number }: Taken): boolean {
  const found = find(path)
  return found === undefined || found.ino !== number || found.dev !== device
}

/** undefined also where nobody can look. */
function find(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
