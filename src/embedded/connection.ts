import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { HTTP_PIPELINED_MAX } from '../core/limits.ts'
import { sentBytesOf } from '../core/sent-bytes.ts'

interface Pending {
  readonly response: ServerResponse
  readonly answer: () => void
}

/** One connection: its requests are answered one after the other, so that it has one answer in memory at a time. */
export class Connection {
  readonly socket: Socket
  /** Whether it came when there were as many as can be served. */
  isSurplus: boolean
  /** Since when it has owed no answer. */
  idleSinceMs = performance.now()
  /** Whether a request has come on it. */
  hasAsked = false
  #current: ServerResponse | undefined
  readonly #pending: Pending[] = []
  /** Takes no more requests. */
  #isEnding = false
  #isTaken = false
  /** Since when bytes wait to be sent, and how many had been sent by then. */
  #sending: { sinceMs: number; sentBytes: number } | undefined

  constructor(socket: Socket, isSurplus: boolean) {
    this.socket = socket
    this.isSurplus = isSurplus
  }

  get isIdle(): boolean {
    return this.#current === undefined && !this.#isTaken
  }

  /** It speaks another protocol from now on: whoever takes it looks after it. False: it is not free for that. */
  take(): boolean {
    if (this.#isEnding || this.#current !== undefined || !this.socket.writable) return false
    this.#isTaken = true
    return true
  }

  /** Has `answer` answer a request, once those before it on this connection are. */
  serve(response: ServerResponse, answer: () => void): void {
    // After an answer that closes the connection nothing is begun: it could not be told what became of it.
    if (this.#isEnding || !this.socket.writable) return
    this.hasAsked = true
    if (this.#current === undefined) {
      this.#begin({ response, answer })
    } else if (this.#pending.length < HTTP_PIPELINED_MAX) {
      this.#pending.push({ response, answer })
    } else {
      // Nothing more is read of whoever asks on and on. What is not answered, HTTP has its client send again.
      this.#pending.length = 0
      this.endAfterAnswer()
      this.socket.pause()
    }
  }

  /** Closes it as soon as it owes no answer, which is told in the answer where it can be. */
  endAfterAnswer(): void {
    this.#isEnding = true
    if (this.#isTaken) return
    if (this.#current === undefined) this.socket.destroySoon()
    else if (!this.#current.headersSent) this.#current.setHeader('connection', 'close')
  }

  /** Ends it where its client has taken too little of what it was sent, in so much time. */
  checkSending(nowMs: number, paceMs: number, paceBytes: number): void {
    if (this.#isTaken || this.socket.writableLength === 0) {
      this.#sending = undefined
      return
    }
    const sentBytes = sentBytesOf(this.socket)
    this.#sending ??= { sinceMs: nowMs, sentBytes }
    if (nowMs < this.#sending.sinceMs + paceMs) return
    if (sentBytes < this.#sending.sentBytes + paceBytes) this.socket.destroy()
    else this.#sending = { sinceMs: nowMs, sentBytes }
  }

  #begin({ response, answer }: Pending): void {
    this.#current = response
    if (this.#isEnding) response.setHeader('connection', 'close')
    response.once('close', () => {
      this.#current = undefined
      this.idleSinceMs = performance.now()
      if (!this.socket.writable) return
      const next = this.#pending.shift()
      if (next) this.#begin(next)
      else if (this.#isEnding) this.socket.destroySoon()
    })
    answer()
  }
}
