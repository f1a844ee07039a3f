/** What runs in a handler's process: loads the handler and calls it, as Lambda's runtime does. */
import { statSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describeThrown, invoke, NO_CALLBACKS, type TriggerHandler } from './function-handler.ts'
import type { HandlerCall, HandlerMessage } from './handler-messages.ts'

const [file, exportName] = process.argv.slice(2)
if (process.send === undefined || file === undefined) throw new Error('only `tidemark dev` starts this file')

// Nobody is left to call it.
process.on('disconnect', () => process.exit())
// Ctrl-C in a terminal goes to all: whoever started this process says when it ends.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

registerHooks({
  load(url, context, nextLoad) {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) tellRead(fileURLToPath(url))
    return nextLoad(url, context)
  },
})

// What this throws Node itself shows best, with the line that is wrong. The process ends of it.
const handler = await load(file, exportName)

let isTold = false
if (handler.length > 2) tellNoCallbacks()

process.on('uncaughtException', error => {
  console.error(error)
  tell({ kind: 'failed', error: describeThrown(error), isLast: true }, () => process.exit(1))
})
process.on('message', (message: HandlerCall) => void call(message))
tell({ kind: 'loaded' })

async function call({ event, identity }: HandlerCall): Promise<void> {
  try {
    tell({ kind: 'answered', answer: await invoke(handler, JSON.parse(event), identity, tellNoCallbacks) })
  } catch (error) {
    // As Lambda's runtime: into the log, and into the answer.
    console.error(withoutOurs(error))
    tell({ kind: 'failed', error: describeThrown(error), isLast: false })
  }
}

/** Also of one that hides it in its parameters, whose callback counts for nothing: it has answered before. */
function tellNoCallbacks(): void {
  if (!isTold) console.error(NO_CALLBACKS)
  isTold = true
}

async function load(path: string, name: string | undefined): Promise<TriggerHandler> {
  const loaded = (await import(pathToFileURL(path).href)) as Record<string, unknown>
  // A CommonJS module's exports are its default export.
  const places = [loaded, (loaded.default ?? {}) as Record<string, unknown>]
  const wanted = name === undefined ? ['handler', 'default'] : [name]
  const found = places.flatMap(place => wanted.map(each => place[each])).find(isFunction)
  if (found) return found
  const sought =
    name === undefined ? 'no function "handler", and no default one' : `no function ${JSON.stringify(name)}`
  const names = Object.keys(loaded).filter(each => isFunction(loaded[each]))
  const hint =
    names.length === 0 ? '' : `; it exports ${names.join(', ')}: name one with ${basename(path)}#${names[0]}`
  console.error(`${basename(path)} exports ${sought}${hint}`)
  process.exit(1)
}

/** Ends the stack where the handler was called: what is below concerns nobody who looks for a mistake in it. */
function withoutOurs(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return thrown
  const lines = thrown.stack.split('\n')
  const end = lines.findIndex(line => /\/triggers\/function-handler\.[jt]s:/.test(line))
  if (end > 0) thrown.stack = lines.slice(0, end).join('\n')
  return thrown
}

function isFunction(value: unknown): value is TriggerHandler {
  return typeof value === 'function'
}

function tellRead(path: string): void {
  // What is not there Node tells of itself.
  const modifiedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  if (modifiedMs !== undefined) tell({ kind: 'reads', file: path, modifiedMs })
}

function tell(message: HandlerMessage, done?: () => void): void {
  process.send!(message, undefined, undefined, done ?? (() => {}))
}
