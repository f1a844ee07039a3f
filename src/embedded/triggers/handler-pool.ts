import { randomUUID } from 'node:crypto'
import { HANDLER_PROCESSES_MAX } from '../../core/limits.ts'
import type { CallOutcome, FunctionCaller } from '../../ports/function-caller.ts'
import { outcomeOf } from './function-handler.ts'
import type { HandlerFile } from './handler-file.ts'
import { HandlerProcess } from './handler-process.ts'
import { SourceWatch } from './source-watch.ts'

/** What happens to a handler's processes, for whoever wants to watch. */
export type HandlerNews =
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** It may be called: for the first time, or as it is by now. */
  | { readonly kind: 'loaded'; readonly isAgain: boolean }
  /** It is not called until it can be loaded. Said once for the same reason. */
  | { readonly kind: 'not-loaded'; readonly reason: string }
  /** Between two calls. */
  | { readonly kind: 'ended'; readonly how: string }

interface PoolSettings {
  readonly file: HandlerFile
  readonly functionName: string
  readonly environment: NodeJS.ProcessEnv
  readonly report: (news: HandlerNews) => void
  /** After an edit, as soon as it can be called again. */
  readonly onReload: () => void
}

type Given = HandlerProcess | { readonly reason: string }

/**
 * A handler in processes of its own, of which each makes one call after the other, as Lambda's environments do. After an
 * edit of anything that they have read outside of node_modules, the next call goes to a new one.
 */
export class HandlerPool implements FunctionCaller {
  readonly #settings: PoolSettings
  readonly #watch: SourceWatch
  /** Of the newest version: those that load, that wait for a call, and that are called. */
  readonly #loading = new Set<HandlerProcess>()
  readonly #idle = new Set<HandlerProcess>()
  readonly #busy = new Set<HandlerProcess>()
  readonly #waiting: ((given: Given) => void)[] = []
  #version = 0
  #loadedVersion = -1
  #lastReason: string | undefined
  #isClosed = false

  constructor(settings: PoolSettings) {
    this.#settings = settings
    this.#watch = new SourceWatch(() => this.#onEdit())
  }

  /** Loads the handler, so that what is wrong with it is known before the first call. */
  start(): void {
    this.#watch.add(this.#settings.file.path)
    if (this.#loading.size === 0) this.#spawn()
  }

  async call(_target: string, event: string, timeoutMs: number): Promise<CallOutcome> {
    const given = await new Promise<Given>(resolve => {
      this.#waiting.push(resolve)
      this.#serve()
    })
    if ('reason' in given) return { kind: 'not-called', reason: 'refused', error: given.reason }
    const requestId = randomUUID()
    const { functionName } = this.#settings
    const answer = await given.call(event, { requestId, functionName, timeoutMs })
    this.#takeBack(given)
    return outcomeOf(requestId, answer)
  }

  /** Ends all processes, also those that are called. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#watch.close()
    const processes = [...this.#loading, ...this.#idle, ...this.#busy]
    for (const process of processes) process.kill()
    for (const give of this.#waiting.splice(0)) give({ reason: 'the handler is not called any more' })
    await Promise.all(processes.map(({ ended }) => ended))
  }

  /** Gives who waits what there is, and makes more while there may be. */
  #serve(): void {
    for (const process of this.#idle) {
      if (this.#waiting.length === 0) return
      this.#idle.delete(process)
      if (!process.isAlive) continue
      this.#busy.add(process)
      this.#waiting.shift()!(process)
    }
    const all = () => this.#loading.size + this.#busy.size
    while (this.#loading.size < this.#waiting.length && all() < HANDLER_PROCESSES_MAX) this.#spawn()
  }

  #takeBack(process: HandlerProcess): void {
    // One of an older version is in none of the sets any more.
    if (!this.#busy.delete(process)) process.kill()
    else if (process.isAlive) this.#idle.add(process)
    this.#serve()
  }

  #spawn(): void {
    const { file, environment, report } = this.#settings
    const process = new HandlerProcess(file, environment, {
      onOutput: (stream, text) => report({ kind: 'output', stream, text }),
      onRead: (path, modifiedMs) => {
        if (!this.#isClosed) this.#watch.add(path, modifiedMs)
      },
    })
    this.#loading.add(process)
    void process.loaded.then(reason => this.#onLoaded(process, reason))
    void process.ended.then(how => {
      // One that is called, or loads, tells by that.
      if (this.#idle.delete(process) && !this.#isClosed) report({ kind: 'ended', how })
    })
  }

  #onLoaded(process: HandlerProcess, reason: string | undefined): void {
    // It was edited meanwhile: whatever came of it, nobody wants it.
    if (!this.#loading.delete(process) || this.#isClosed) return
    const { report, onReload } = this.#settings
    this.#watch.isWide = reason !== undefined
    if (reason !== undefined) {
      if (reason !== this.#lastReason) report({ kind: 'not-loaded', reason })
      this.#lastReason = reason
      for (const give of this.#waiting.splice(0)) give({ reason })
      return
    }
    this.#idle.add(process)
    this.#lastReason = undefined
    const isNew = this.#loadedVersion !== this.#version
    const isAgain = this.#loadedVersion >= 0
    this.#loadedVersion = this.#version
    if (isNew) report({ kind: 'loaded', isAgain })
    this.#serve()
    if (isNew && this.#version > 0) onReload()
  }

  /** Ends what is of the old version, but for the calls under way. */
  #onEdit(): void {
    this.#version += 1
    const old = [...this.#loading, ...this.#idle]
    this.#loading.clear()
    this.#idle.clear()
    this.#busy.clear()
    for (const process of old) process.kill()
    this.#spawn()
    this.#serve()
  }
}
