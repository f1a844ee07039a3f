import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import { GATEWAY_SMALL_REQUEST_BYTES_MAX } from '../../core/limits.ts'
import { sentBytesOf } from '../../core/sent-bytes.ts'
import { type Frame, FrameReader } from './frames.ts'
import { InOrder } from './in-order.ts'
import { type Answer, Requests } from './requests.ts'
import type { Place } from './room.ts'
import type { Service } from './service.ts'

/** What a connection is doing, and since when by the time that is counted in checks. */
interface Since {
  readonly ms: number
  /** Changes when what it is doing does. */
  readonly mark: number
}

/** One client's connection: what it sends is read only as far as there is room for it, and answered in order. */
export class Connection {
  readonly #socket: Socket
  readonly #service: Service
  readonly #host: string
  readonly #requests: Requests
  readonly #reader: FrameReader
  readonly #order: InOrder<Answer>
  readonly #ending = new AbortController()
  /** Of the frame that comes next: its part of the room, or that it waits for it. */
  #place: Place | undefined
  #waitsForRoom = false
  /** Of the requests that are not answered. */
  #pendingBytes = 0
  #isTaking = false
  #isCorked = false
  /** The client sends nothing more, and wants no answers: what it has sent is still done. */
  #hasHungUp = false
  /** Takes no more requests. */
  #isEnding = false
  /** Whether it ends for a reason that was told: it only has to be sent what is left. */
  #hasEnded = false
  #frames = 0
  #openedMs: number | undefined
  #arriving: Since | undefined
  #idle: Since | undefined
  #sending: Since | undefined

  constructor(socket: Socket, service: Service) {
    this.#socket = socket
    this.#service = service
    this.#reader = new FrameReader(service.memory)
    this.#host = `${socket.remoteAddress}:${socket.remotePort}`
    // Every fetch that waits listens to it.
    setMaxListeners(0, this.#ending.signal)
    this.#requests = new Requests(service, socket.remoteAddress ?? '', this.#ending.signal)
    this.#order = new InOrder(answer => this.#send(answer))
    socket.on('data', (piece: Uint8Array) => {
      if (this.#isEnding) return
      this.#reader.push(piece)
      this.#takeFrames()
    })
    // Else it would be closed at once, and a client that wants no answer hangs up right behind its last write.
    socket.allowHalfOpen = true
    socket.on('end', () => this.#hangUp())
    socket.on('drain', () => {
      this.#order.letGoOn()
      this.#takeFrames()
    })
    // A client that goes away in the middle of something is none of our business.
    socket.on('error', () => {})
    socket.once('close', () => this.#forget())
  }

  /** Since when it has nothing to do, as of the last check; undefined: it has. */
  get idleSinceMs(): number | undefined {
    return this.#isIdle() ? this.#idle?.ms : undefined
  }

  /** Takes no more requests, has those that wait for something answered, and ends when all are. */
  drain(): void {
    this.#isEnding = true
    this.#order.dropWaiting()
    this.#ending.abort()
    this.#endIfDone()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /**
   * Ends it where its client is too slow, or has nothing to say for too long. To be called every now and then.
   * @param nowMs time that this process could have heard something in
   * @param isPressed whether others wait for memory that answers have
   */
  check(nowMs: number, isPressed: boolean): void {
    const { limits } = this.#service
    this.#openedMs ??= nowMs
    const isProving = !this.#requests.isProved && nowMs >= this.#openedMs + limits.provingMsMax
    this.#arriving = this.#isArriving() ? since(this.#arriving, nowMs, this.#frames) : undefined
    this.#idle = this.#isIdle() ? since(this.#idle, nowMs, this.#frames) : undefined
    const isLate = (of: Since | undefined, ms: number) => of !== undefined && nowMs >= of.ms + ms
    if (isProving) this.#end('it has not proved who it is in time')
    else if (isLate(this.#arriving, limits.frameMsMax)) this.#end('a request did not arrive in time')
    else if (isLate(this.#idle, limits.idleMsMax)) this.#socket.destroySoon()
    this.#checkSending(
      nowMs,
      isPressed || this.#hasEnded || this.#hasHungUp ? limits.sendPressedPaceMs : limits.sendPaceMs,
    )
  }

  #checkSending(nowMs: number, paceMs: number): void {
    if (this.#socket.writableLength === 0) {
      this.#sending = undefined
      return
    }
    const sentBytes = sentBytesOf(this.#socket)
    this.#sending ??= { ms: nowMs, mark: sentBytes }
    if (nowMs < this.#sending.ms + paceMs) return
    if (sentBytes >= this.#sending.mark + this.#service.limits.sendPaceBytes) {
      this.#sending = { ms: nowMs, mark: sentBytes }
      return
    }
    this.#service.log(`${this.#host}: it does not take what it has asked for; the connection is closed`)
    this.#socket.destroy()
  }

  #isArriving(): boolean {
    return this.#place !== undefined && !this.#waitsForRoom
  }

  #isIdle(): boolean {
    return this.#order.size === 0 && this.#place === undefined && this.#socket.writableLength === 0
  }

  #takeFrames(): void {
    // Whoever answers at once comes here again.
    if (this.#isTaking) return
    this.#isTaking = true
    let isHeldUp: boolean
    do isHeldUp = this.#isHeldUp()
    while (!isHeldUp && this.#takeFrame())
    this.#isTaking = false
    if (isHeldUp) this.#socket.pause()
    else if (this.#hasHungUp) this.#endIfDone()
    else if (this.#socket.isPaused()) this.#socket.resume()
  }

  /** Nobody waits for records any more, nor takes any: but what was sent to be written is written. */
  #hangUp(): void {
    this.#hasHungUp = true
    this.#ending.abort()
    this.#order.letGoOn()
    this.#takeFrames()
  }

  /** Whether nothing more is to be read: until something is answered, taken, or let in. */
  #isHeldUp(): boolean {
    const { limits } = this.#service
    if (this.#isEnding) return false
    if (this.#waitsForRoom) return true
    if (!this.#hasHungUp && this.#socket.writableLength > limits.unsentBytesMax) return true
    const pending = this.#order.size
    if (pending >= limits.pipelinedMax || (pending > 0 && this.#pendingBytes >= limits.pipelinedBytesMax))
      return true
    return pending > 0 && this.#wouldOnlyWait()
  }

  /**
   * Whether what comes next is large, and would take room only to wait: behind a fetch for as long as that waits for records. It
   * is left with its client, where it is in nobody's way.
   */
  #wouldOnlyWait(): boolean {
    if (this.#place !== undefined) return false
    const heldBytes = Math.max(this.#pendingBytes, this.#reader.nextBytes ?? 0)
    return heldBytes > GATEWAY_SMALL_REQUEST_BYTES_MAX && this.#order.holdsUp
  }

  /** The next frame, if it is there and there is room for it; tells whether there may be another one. */
  #takeFrame(): boolean {
    if (this.#isEnding) return false
    const bytes = this.#reader.nextBytes
    if (bytes === undefined) return false
    if (this.#place === undefined && !this.#enter(bytes)) return this.#waitsForRoom
    const frame = this.#reader.read()
    if (frame === undefined) return false
    const place = this.#place!
    this.#place = undefined
    this.#frames += 1
    this.#begin(frame, place)
    return true
  }

  /** Finds room for the next frame; tells whether there is. */
  #enter(bytes: number): boolean {
    const { limits, requests, newcomers } = this.#service
    const { isProved } = this.#requests
    const bytesMax = isProved ? limits.frameBytesMax : limits.frameUnprovedBytesMax
    if (bytes < 0 || bytes > bytesMax) {
      this.#end(describeLength(bytes, bytesMax))
      return false
    }
    // Whoever may not come in takes no room from those who are.
    const room = isProved ? requests : newcomers
    this.#place = room.tryEnter(bytes)
    if (this.#place) return true
    this.#waitsForRoom = true
    this.#place = room.wait(bytes, () => {
      this.#waitsForRoom = false
      this.#takeFrames()
    })
    return false
  }

  #begin({ bytes: frame, memory }: Frame, place: Place): void {
    const bytes = frame.length
    const isWrite = this.#requests.runsAhead(frame)
    this.#pendingBytes += bytes
    const leave = () => {
      this.#pendingBytes -= bytes
      place.leave()
    }
    this.#order.add(
      isWrite,
      settle => {
        const answer = this.#requests.answer(frame)
        // Once it is read it may wait for minutes, and many of them must not keep everybody else out.
        if (!isWrite && bytes <= GATEWAY_SMALL_REQUEST_BYTES_MAX) place.leave()
        answer.then(found => {
          leave()
          if (memory && found.frameIsFree) this.#service.memory.giveBack(memory)
          settle(found)
          this.#takeFrames()
        }, this.#service.reportError)
      },
      leave,
    )
  }

  /** In its turn. */
  #send({ chunks, end, taken }: Answer): void {
    const socket = this.#socket
    if (!socket.writable || this.#hasHungUp) {
      taken?.()
      if (end !== undefined && socket.writable) this.#end(end)
      else if (this.#isEnding) this.#endIfDone()
      return
    }
    this.#cork()
    for (let i = 0; i < chunks.length; i++) {
      socket.write(chunks[i]!, i === chunks.length - 1 && taken ? () => taken() : undefined)
    }
    if (end !== undefined) this.#end(end)
    else if (this.#isEnding) this.#endIfDone()
    else if (socket.writableLength > this.#service.limits.unsentBytesMax) this.#order.hold()
  }

  /** All that is answered in one go is sent in one. */
  #cork(): void {
    if (this.#isCorked) return
    this.#isCorked = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#isCorked = false
      this.#socket.uncork()
    })
  }

  /** Ends it with a line in the log; what has been answered is still sent. */
  #end(why: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#isEnding = true
    this.#service.log(`${this.#host}: ${why}; the connection is closed`)
    this.#order.dropWaiting()
    this.#socket.destroySoon()
  }

  #endIfDone(): void {
    if (this.#order.size === 0) this.#socket.destroySoon()
  }

  #forget(): void {
    this.#isEnding = true
    this.#ending.abort()
    this.#order.dropWaiting()
    this.#place?.leave()
    this.#place = undefined
  }
}

/** The same as before, as long as its mark is. */
function since(before: Since | undefined, ms: number, mark: number): Since {
  return before?.mark === mark ? before : { ms, mark }
}

/** What the first bytes of other protocols are, taken for a length. */
function describeLength(bytes: number, bytesMax: number): string {
  const first = Buffer.alloc(4)
  first.writeInt32BE(bytes)
  if (/^(?:GET |POST|PUT |HEAD|OPTI)/.test(first.toString('latin1')))
    return 'an HTTP request, which is none of Kafka'
  if (first[0]! >= 0x14 && first[0]! <= 0x17 && first[1] === 0x03)
    return 'the beginning of TLS, which is not spoken here'
  return `a request of ${bytes} bytes, of 0 to ${bytesMax}`
}
