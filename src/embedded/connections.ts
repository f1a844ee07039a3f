import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { CONNECTION_IDLE_MS_MIN, CONNECTION_SPARE_MS_MAX } from '../core/limits.ts'
import { refuseConnection, refuseRequest } from './broken-request.ts'
import { Connection } from './connection.ts'
import { Turnstile } from './turnstile.ts'

export interface ConnectionLimits {
  /** Connections that are served. */
  readonly connections: number
  /** Those beside them that are told to come back later, and may ask for health. */
  readonly spare: number
}

/** How long after a connection was refused the others are closed with their next answer, so that all get their turn. */
const CROWDED_MS = 1_000

/** What is answered to everybody. */
const HEALTH_PATH = /^\/health(?:[/?]|$)/

/**
 * A server's connections: no more of them than there are descriptors for. Where there are too many, the one that has been
 * idle for longest is closed; where none is, the newcomer hears that he is to come back later, and is not reset.
 */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #all = new Map<Socket, Connection>()
  readonly #turnstile = new Turnstile()
  #surplus = 0
  #crowdedUntilMs = 0
  #isDraining = false

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  add(socket: Socket): void {
    this.#turnstile.accepted()
    const isSurplus = this.#isFull() && !this.#closeIdle()
    if (isSurplus) {
      this.#crowdedUntilMs = performance.now() + CROWDED_MS
      if (this.#surplus >= this.#limits.spare && !this.#refuseSilent()) {
        refuseConnection(socket)
        return
      }
      this.#surplus += 1
    }
    const connection = new Connection(socket, isSurplus)
    this.#all.set(socket, connection)
    socket.once('close', () => this.#forget(connection))
  }

  /** Has `answer` answer a request, in its turn and if there is room. */
  serve(request: IncomingMessage, response: ServerResponse, answer: () => void): void {
    const connection = this.#all.get(request.socket)
    if (!connection) {
      refuseRequest(request, response)
      return
    }
    if (connection.isSurplus && !this.#isFull()) {
      connection.isSurplus = false
      this.#surplus -= 1
    }
    const isHealth = HEALTH_PATH.test(request.url ?? '')
    const isRefused = connection.isSurplus && !isHealth
    const serve = isRefused ? () => refuseRequest(request, response) : answer
    const inTurn = () => this.#turnstile.enter(() => !response.destroyed && serve())
    connection.serve(response, isHealth ? serve : inTurn)
    // Whoever asks for health again and again need not wait each time until he is accepted.
    if (this.#isDraining || (!isHealth && (isRefused || performance.now() < this.#crowdedUntilMs))) {
      connection.endAfterAnswer()
    }
  }

  /** Gives a connection that owes no answer to whoever speaks another protocol on it; false: there is no room for that. */
  take(socket: Socket): boolean {
    const connection = this.#all.get(socket)
    return connection !== undefined && !connection.isSurplus && connection.take()
  }

  /** Closes each connection as soon as it owes no answer. */
  drain(): void {
    this.#isDraining = true
    // Node's closeIdleConnections leaves out those on which no request ever came.
    for (const connection of this.#all.values()) connection.endAfterAnswer()
  }

  /**
   * Ends those that take too little of what they are sent, and those that cannot be served and say nothing.
   * @param ownMs what that is counted by
   */
  check(ownMs: number, sendPaceMs: number, sendPaceBytes: number): void {
    const nowMs = performance.now()
    for (const connection of this.#all.values()) {
      connection.checkSending(ownMs, sendPaceMs, sendPaceBytes)
      if (!connection.isSurplus || !connection.isIdle) continue
      if (connection.idleSinceMs + CONNECTION_SPARE_MS_MAX < nowMs) this.#refuseSilent()
    }
  }

  #isFull(): boolean {
    return this.#all.size - this.#surplus >= this.#limits.connections
  }

  /** Makes room among those that are served; tells whether there was one to close. */
  #closeIdle(): boolean {
    const oldest = this.#longestIdle(false)
    if (oldest === undefined || performance.now() < oldest.idleSinceMs + CONNECTION_IDLE_MS_MIN) return false
    this.#forget(oldest)
    oldest.endAfterAnswer()
    return true
  }

  /** The same among the others, of which each says what it wants at once if it is to be heard. */
  #refuseSilent(): boolean {
    const oldest = this.#longestIdle(true)
    if (oldest === undefined) return false
    this.#forget(oldest)
    if (oldest.hasAsked) oldest.endAfterAnswer()
    else refuseConnection(oldest.socket)
    return true
  }

  #longestIdle(isSurplus: boolean): Connection | undefined {
    let oldest: Connection | undefined
    for (const connection of this.#all.values()) {
      if (!connection.isIdle || connection.isSurplus !== isSurplus) continue
      if (oldest === undefined || connection.idleSinceMs < oldest.idleSinceMs) oldest = connection
    }
    return oldest
  }

  #forget(connection: Connection): void {
    if (!this.#all.delete(connection.socket)) return
    if (connection.isSurplus) this.#surplus -= 1
  }
}
