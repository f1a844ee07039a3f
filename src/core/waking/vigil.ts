import {
  FETCH_PARTITIONS_MAX,
  POLL_TOLD_MS,
  SLOW_LOOK_FEW_PARTITIONS,
  SLOW_LOOK_MS,
  SLOW_LOOK_MS_MAX,
  WAKE_PAUSE_MS,
} from '../limits.ts'

/**
 * How a partition is to be asked for. `poll`: as if nobody could be woken. `read`: there is more in the log. `arm`: the
 * broker shall wake, and then look. `look`: it wakes already, but nothing has been heard for long.
 */
export type Ask = 'poll' | 'read' | 'arm' | 'look'

/** What became of a partition that was asked for. */
export interface Outcome {
  /** `poll`: too many listen there, or nobody said anything. `no`: by this socket never. */
  readonly armed: 'yes' | 'no' | 'poll'
  /** Whether there was something that nobody had known of. */
  readonly hasNews: boolean
}

interface Watched {
  isArmed: boolean
  /** When it was asked for last; before the answer. */
  askedMs: number
  asked: Ask | undefined
  /** It was woken since it was asked for: what arms it now is used up already. */
  isWoken: boolean
  /** When it was asked for since it was woken; undefined: for another reason. */
  wokenAskMs: number | undefined
  /** Looks in a row that it was woken for and that brought nothing. */
  inVain: number
  pollsUntilMs: number
  /** Before, it is not armed anew. */
  restsUntilMs: number
}

/** Whoever wakes for nothing over and over again does not have it asked for all the time. */
const LOOKS_IN_VAIN_MAX = 3
/** So many looks that come soon come together. */
const SAME_LOOK_SHARE = 1 / 2

/**
 * What a listener has armed, and when it is to ask for what: pure, so that time is an argument. Being woken is a hint: what is
 * read goes by offsets alone. A wake-up that is lost costs one slow look, one that comes twice or late costs a look.
 */
export class Vigil<Place> {
  readonly #watched = new Map<Place, Watched>()
  readonly #lateness: number
  #isOpen = false
  /** When the one that is armed was asked for of which nothing has been heard for longest; undefined: to be found out. */
  #oldestMs: number | undefined

  /** @param random in [0, 1): so that not all who began together look together */
  constructor(random: number) {
    this.#lateness = 1 - random / 10
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** There is a socket to be woken by: another one than before, so nothing is armed. */
  open(): void {
    this.#isOpen = true
    this.#disarm()
  }

  /** The socket is gone: until there is another one, partitions are polled. */
  close(): void {
    this.#isOpen = false
    this.#disarm()
  }

  /** It is not read any more. */
  forget(place: Place): void {
    this.#oldestMs = undefined
    this.#watched.delete(place)
  }

  /** Undefined: it is to be let alone, until it is woken or `dueMs` has come. */
  askFor(place: Place, hasMore: boolean, nowMs: number): Ask | undefined {
    if (!this.#isOpen) return 'poll'
    const watched = this.#of(place)
    if (watched.pollsUntilMs > nowMs) return 'poll'
    if (hasMore) return 'read'
    if (watched.isArmed) return this.#isLookDue(watched, nowMs) ? 'look' : undefined
    return watched.restsUntilMs <= nowMs ? 'arm' : undefined
  }

  /** A request goes out. */
  asked(place: Place, ask: Ask, nowMs: number): void {
    const watched = this.#of(place)
    this.#oldestMs = undefined
    watched.asked = ask
    watched.wokenAskMs = ask === 'arm' && watched.isWoken ? nowMs : undefined
    watched.isWoken = false
    // What is read on and on does not keep a partition from being armed at once, when its end is reached.
    if (ask === 'arm' || ask === 'look') watched.askedMs = nowMs
  }

  /** Its answer is there, or it has failed. */
  answered(place: Place, { armed, hasNews }: Outcome, nowMs: number): void {
    const watched = this.#of(place)
    const { asked } = watched
    this.#oldestMs = undefined
    watched.asked = undefined
    if (asked === 'arm') {
      watched.isArmed = armed === 'yes' && !watched.isWoken
      if (armed === 'poll') watched.pollsUntilMs = nowMs + POLL_TOLD_MS
      this.#restAfter(watched, hasNews)
    }
    // The wake-up for this has been lost, or is late.
    else if (asked === 'look' && hasNews) this.#again(watched)
  }

  /** Nobody knows what became of the request. */
  failed(place: Place): void {
    const watched = this.#watched.get(place)
    if (!watched) return
    watched.asked = undefined
    this.#again(watched)
  }

  /** It was woken; false: nobody reads it. */
  woken(place: Place): boolean {
    const watched = this.#watched.get(place)
    if (!watched) return false
    this.#oldestMs = undefined
    watched.isArmed = false
    watched.isWoken = true
    return true
  }

  /**
   * It was woken and stays armed: what it hears is as good as a look, where it is news. False: as far as is known here it is to be asked
   * for again all the same, or is being asked for.
   */
  heard(place: Place, isNews: boolean, nowMs: number): boolean {
    const watched = this.#watched.get(place)
    if (!watched?.isArmed || watched.asked !== undefined) return false
    if (isNews) {
      this.#oldestMs = undefined
      watched.askedMs = nowMs
    }
    return true
  }

  /** Too many listen there. */
  told(place: Place, forMs: number, nowMs: number): void {
    const watched = this.#of(place)
    this.#oldestMs = undefined
    watched.isArmed = false
    watched.pollsUntilMs = nowMs + forMs
  }

  /** When there is something to ask for, of these, if nobody is woken before; now, where there is. */
  dueMs(places: Iterable<Place>): number {
    let dueMs = Number.POSITIVE_INFINITY
    for (const place of places) {
      const watched = this.#of(place)
      dueMs = Math.min(dueMs, watched.isArmed ? watched.askedMs + this.#lookMs : watched.restsUntilMs)
    }
    return dueMs
  }

  /** How long a partition is let alone that nobody was woken for. */
  get #lookMs(): number {
    const beyond = Math.max(0, this.#watched.size - SLOW_LOOK_FEW_PARTITIONS)
    const share = Math.min(1, beyond / (FETCH_PARTITIONS_MAX - SLOW_LOOK_FEW_PARTITIONS))
    return (SLOW_LOOK_MS + share * (SLOW_LOOK_MS_MAX - SLOW_LOOK_MS)) * this.#lateness
  }

  /** With one that is due, those are looked at that would be soon. */
  #isLookDue(watched: Watched, nowMs: number): boolean {
    const lookMs = this.#lookMs
    if (watched.askedMs + lookMs <= nowMs) return true
    if (watched.askedMs + lookMs * SAME_LOOK_SHARE > nowMs) return false
    this.#oldestMs ??= this.#findOldest()
    return this.#oldestMs + lookMs <= nowMs
  }

  #findOldest(): number {
    let oldestMs = Number.POSITIVE_INFINITY
    for (const { isArmed, askedMs } of this.#watched.values())
      if (isArmed) oldestMs = Math.min(oldestMs, askedMs)
    return oldestMs
  }

  /**
   * What is woken for is looked at once at first, and then no more often than once in a while: if something came. Where nothing did,
   * the next thing to come is the first again.
   */
  #restAfter(watched: Watched, hasNews: boolean): void {
    const { wokenAskMs } = watched
    if (wokenAskMs === undefined) return
    watched.inVain = hasNews ? 0 : watched.inVain + 1
    if (!hasNews && watched.inVain < LOOKS_IN_VAIN_MAX) return
    watched.inVain = 0
    watched.restsUntilMs = wokenAskMs + WAKE_PAUSE_MS
  }

  /** It is armed anew, at once. */
  #again(watched: Watched): void {
    this.#oldestMs = undefined
    watched.isArmed = false
    watched.restsUntilMs = Number.NEGATIVE_INFINITY
  }

  #disarm(): void {
    for (const watched of this.#watched.values()) this.#again(watched)
  }

  #of(place: Place): Watched {
    let watched = this.#watched.get(place)
    if (!watched) {
      watched = {
        isArmed: false,
        askedMs: Number.NEGATIVE_INFINITY,
        asked: undefined,
        isWoken: false,
        wokenAskMs: undefined,
        inVain: 0,
        pollsUntilMs: 0,
        restsUntilMs: Number.NEGATIVE_INFINITY,
      }
      this.#watched.set(place, watched)
    }
    return watched
  }
}
