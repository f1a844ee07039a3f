import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname, extname } from 'node:path'
import { HANDLER_EDIT_SETTLE_MS } from '../../core/limits.ts'

const CODE_EXTENSIONS = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json', '.node', '.wasm'])

/**
 * Tells when one of several files is edited. Watches their folders, since editors replace a file by another one of its
 * name, which nobody sees who watches the file.
 */
export class SourceWatch {
  readonly #files = new Set<string>()
  readonly #folders = new Map<string, FSWatcher>()
  readonly #onEdit: () => void
  #settling: NodeJS.Timeout | undefined
  /** Whether any code beside the files counts too: what could not be found may be there soon. */
  isWide = false

  constructor(onEdit: () => void) {
    this.#onEdit = onEdit
  }

  /** @param readMs the file's time when it was read: it may have been edited since */
  add(file: string, readMs?: number): void {
    this.#files.add(file)
    const folder = dirname(file)
    if (!this.#folders.has(folder)) {
      const watcher = watch(folder, (_, name) => this.#onEvent(folder, name))
      // A folder that is removed: its files are gone, and the next call tells.
      watcher.on('error', () => this.#edited())
      this.#folders.set(folder, watcher)
    }
    if (readMs !== undefined && statSync(file, { throwIfNoEntry: false })?.mtimeMs !== readMs) this.#edited()
  }

  close(): void {
    clearTimeout(this.#settling)
    for (const watcher of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  #onEvent(folder: string, name: string | null): void {
    // Some systems do not tell the name.
    const isOurs =
      name === null || [...this.#files].some(file => dirname(file) === folder && basename(file) === name)
    if (isOurs || (this.isWide && CODE_EXTENSIONS.has(extname(name)))) this.#edited()
  }

  #edited(): void {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(this.#onEdit, HANDLER_EDIT_SETTLE_MS)
  }
}
