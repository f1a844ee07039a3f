import type { CallIdentity } from './function-handler.ts'

/** What a handler's process is told: one call, and the next one only when it is answered. */
export interface HandlerCall {
  readonly kind: 'call'
  /** JSON. */
  readonly event: string
  readonly identity: CallIdentity
}

export type HandlerMessage =
  /** It is about to read this file, whose time was this (milliseconds since the epoch). */
  | { readonly kind: 'reads'; readonly file: string; readonly modifiedMs: number }
  /** It may be called. */
  | { readonly kind: 'loaded' }
  /** JSON; undefined: no answer. */
  | { readonly kind: 'answered'; readonly answer: string | undefined }
  /** With `isLast` the process ends of it: something was thrown that nobody waits for. */
  | { readonly kind: 'failed'; readonly error: string; readonly isLast: boolean }
