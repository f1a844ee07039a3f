import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { HANDLER_LOAD_MS_MAX } from '../../core/limits.ts'
import { withResolvers } from '../../core/since-node-22.ts'
import { type CallIdentity, describeTimeout, type HandlerAnswer } from './function-handler.ts'
import type { HandlerFile } from './handler-file.ts'
import type { HandlerCall, HandlerMessage } from './handler-messages.ts'

/** What a process writes, as it comes, and the files that it reads. */
export interface HandlerListener {
  onOutput(stream: 'stdout' | 'stderr', text: string): void
  onRead(file: string, modifiedMs: number): void
}

/** Beside this file: of the sources it is TypeScript, of what is built of them it is not. */
const ENTRY = fileURLToPath(
  new URL(`./handler-entry.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
)
/** How long output may still come from a process that has ended. */
const LAST_OUTPUT_MS = 500

/** Processes whose parent ends must not outlive it, not even one in an endless loop. */
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** A process with a handler in it, which makes one call after the other. */
export class HandlerProcess {
  readonly #child: ChildProcess
  readonly #listener: HandlerListener
  /** Resolves when it has ended, with how. */
  readonly ended: Promise<string>
  /** Undefined: it may be called. Else why it may not, as text for people. */
  readonly loaded: Promise<string | undefined>
  #isLoaded = false
  #isAlive = true
  /** While it loads, what it says of itself is kept: if it fails, that is the reason. */
  #stderr = ''
  #onMessage: (message: HandlerMessage) => void = () => {}

  constructor(file: HandlerFile, environment: NodeJS.ProcessEnv, listener: HandlerListener) {
    this.#listener = listener
    const { path, exportName } = file
    this.#child = fork(ENTRY, exportName === undefined ? [path] : [path, exportName], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // As it is, and not as JSON once more: events are large.
      serialization: 'advanced',
      execArgv: ['--enable-source-maps', '--disable-warning=ExperimentalWarning'],
    })
    alive.add(this.#child)
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => listener.onOutput('stdout', text))
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      if (this.#isLoaded) listener.onOutput('stderr', text)
      else this.#stderr += text
    })
    this.#child.on('message', (message: HandlerMessage) => {
      if (message.kind === 'failed' && message.isLast) this.#isAlive = false
      if (message.kind === 'reads') listener.onRead(message.file, message.modifiedMs)
      else this.#onMessage(message)
    })
    this.ended = this.#end()
    this.loaded = this.#load()
  }

  /** Whether it may be called once more. */
  get isAlive(): boolean {
    return this.#isAlive
  }

  /** One that takes too long is killed. */
  async call(event: string, identity: CallIdentity): Promise<HandlerAnswer> {
    const answered = new Promise<HandlerAnswer>(resolve => {
      this.#onMessage = message => {
        if (message.kind === 'answered' || message.kind === 'failed') resolve(message)
      }
      // Where it is gone, its end tells.
      this.#child.send({ kind: 'call', event, identity } satisfies HandlerCall, () => {})
    })
    const ended = this.ended.then(
      (how): HandlerAnswer => ({ kind: 'failed', error: `Runtime.ExitError: ${how}` }),
    )
    const overtime = withResolvers<HandlerAnswer>()
    const timer = setTimeout(() => {
      overtime.resolve({ kind: 'failed', error: describeTimeout(identity.timeoutMs) })
      this.kill()
    }, identity.timeoutMs)
    try {
      return await Promise.race([answered, overtime.promise, ended])
    } finally {
      clearTimeout(timer)
      this.#onMessage = () => {}
      // What it has written comes another way than its answer, and belongs before it.
      for (let turn = 0; turn < 2; turn += 1) await new Promise(resolve => setImmediate(resolve))
    }
  }

  kill(): void {
    this.#isAlive = false
    this.#child.kill('SIGKILL')
  }

  #end(): Promise<string> {
    return new Promise(resolve => {
      const finish = (how: string) => {
        this.#isAlive = false
        alive.delete(this.#child)
        resolve(how)
      }
      this.#child.once('error', error => finish(`the process did not start: ${error.message}`))
      this.#child.once('exit', (code, signal) => {
        this.#isAlive = false
        const how = signal === null ? `exit code ${code}` : `signal ${signal}`
        // Its last words are read by then, unless a process that it started holds on to its output.
        const timer = setTimeout(() => finish(`the process ended with ${how}`), LAST_OUTPUT_MS)
        this.#child.once('close', () => {
          clearTimeout(timer)
          finish(`the process ended with ${how}`)
        })
      })
    })
  }

  async #load(): Promise<string | undefined> {
    const loaded = new Promise<undefined>(resolve => {
      this.#onMessage = message => {
        if (message.kind === 'loaded') resolve(undefined)
      }
    })
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      this.kill()
    }, HANDLER_LOAD_MS_MAX)
    const how = await Promise.race([loaded, this.ended])
    clearTimeout(timer)
    const said = this.#stderr
    this.#isLoaded = true
    if (how !== undefined) {
      const late = `it has not loaded within ${HANDLER_LOAD_MS_MAX} ms`
      return withoutNoise(said) || (isLate ? late : how)
    }
    if (said !== '') this.#listener.onOutput('stderr', said)
    return undefined
  }
}

const NOISE = [
  /^Node\.js v/,
  /^node:internal\//,
  /^\s+at .*\(?node:internal\//,
  /^\s+at .*\/triggers\/handler-entry\./,
  /^\s+(throw new ERR_|triggerUncaught)/,
  /^\s+(code|url): '/,
  /^}$/,
]

/** What Node says of an error that ends a process, less what concerns Node and this package alone. */
function withoutNoise(said: string): string {
  const lines = said.split('\n').filter(line => !NOISE.some(noise => noise.test(line)))
  return lines
    .join('\n')
    .replace(/^\s*\^\s*\n/, '')
    .trim()
}
