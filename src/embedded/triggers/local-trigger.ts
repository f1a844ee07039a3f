import type { TriggerSettings } from '../../core/trigger/trigger.ts'
import type { FunctionCaller } from '../../ports/function-caller.ts'

/** A trigger that this process makes and delivers, for as long as it runs. */
export interface LocalTrigger {
  readonly groupId: string
  readonly topic: string
  /** What the function is called in the store: begins with `file:` or `function:`. */
  readonly target: string
  readonly settings: Partial<TriggerSettings>
  readonly functions: FunctionCaller
}

const FILE_SCHEME = 'file:'
const FUNCTION_SCHEME = 'function:'

export function fileTarget(path: string): string {
  return `${FILE_SCHEME}${path}`
}

export function functionTarget(name: string): string {
  return `${FUNCTION_SCHEME}${name}`
}

export function isFileTarget(target: string): boolean {
  return target.startsWith(FILE_SCHEME)
}

/** Whether some process delivers it, or did until it died. */
export function isLocalTarget(target: string): boolean {
  return isFileTarget(target) || target.startsWith(FUNCTION_SCHEME)
}
