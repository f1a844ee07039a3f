export interface RoomLimits {
  /** What all may take at the same time. */
  readonly bytesMax: number
  /** What counts as small. */
  readonly smallBytesMax: number
  /** How much of it only those may take that are small: they go on however many large ones there are. */
  readonly smallOnlyBytes: number
}

/** Memory that requests share. */
export class Room {
  readonly #limits: RoomLimits
  #smallBytes = 0
  #largeBytes = 0

  constructor(limits: RoomLimits) {
    this.#limits = limits
  }

  isSmall(bytes: number): boolean {
    return bytes <= this.#limits.smallBytesMax
  }

  /** Whether so much can be taken at once, by somebody who has nothing. */
  fits(bytes: number): boolean {
    return this.#fits(bytes, this.isSmall(bytes), 0)
  }

  /** @param expectedBytes what it comes to, as far as is known: who is to be large is no small one while he begins */
  claim(expectedBytes = 0): Claim {
    return new Claim(this, expectedBytes)
  }

  /** Exchanges what was taken for something else; tells whether there was room. Less is always granted. */
  exchange(from: Taken, to: Taken): boolean {
    const isMore = to.bytes > from.bytes || (from.isSmall && !to.isSmall)
    if (isMore && !this.#fits(to.bytes, to.isSmall, from.bytes, from)) return false
    this.#add(from, -1)
    this.#add(to, 1)
    return true
  }

  #fits(bytes: number, isSmall: boolean, hasBytes: number, has?: Taken): boolean {
    const { bytesMax, smallOnlyBytes } = this.#limits
    const all = this.#smallBytes + this.#largeBytes - hasBytes + bytes
    if (isSmall) return all <= bytesMax
    const large = this.#largeBytes - (has && !has.isSmall ? hasBytes : 0) + bytes
    return all <= bytesMax && large <= bytesMax - smallOnlyBytes
  }

  #add({ bytes, isSmall }: Taken, sign: 1 | -1): void {
    if (isSmall) this.#smallBytes += sign * bytes
    else this.#largeBytes += sign * bytes
  }
}

interface Taken {
  readonly bytes: number
  readonly isSmall: boolean
}

/** What one request has taken. */
export class Claim {
  readonly #room: Room
  readonly #expectedBytes: number
  #taken: Taken

  constructor(room: Room, expectedBytes: number) {
    this.#room = room
    this.#expectedBytes = expectedBytes
    this.#taken = { bytes: 0, isSmall: true }
  }

  get bytes(): number {
    return this.#taken.bytes
  }

  /** Whether there is room for so much in all, which is then taken. */
  resize(bytes: number): boolean {
    const isSmall = this.#room.isSmall(Math.max(bytes, this.#expectedBytes))
    const taken = { bytes, isSmall }
    if (!this.#room.exchange(this.#taken, taken)) return false
    this.#taken = taken
    return true
  }

  release(): void {
    this.#room.exchange(this.#taken, { bytes: 0, isSmall: true })
    this.#taken = { bytes: 0, isSmall: true }
  }
}
