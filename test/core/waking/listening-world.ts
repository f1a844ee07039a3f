import { type Ask, Vigil } from '../../../src/core/waking/vigil.ts'

export interface Faults {
  /** How many of the wake-ups are lost, and come twice: shares. */
  readonly lost: number
  readonly doubled: number
  /** How late one can be. */
  readonly lateMsMax: number
  /** How many of the appends are followed by the end of the socket. */
  readonly cuts: number
  /** How many of the requests fail. */
  readonly failing: number
}

interface World {
  readonly partitions: number
  /** Each so long after the one before. */
  readonly appends: readonly { readonly afterMs: number; readonly partition: number }[]
  readonly seed: number
  readonly faults: Faults
}

interface Heard {
  /** How long after its append each record was delivered. */
  readonly latenciesMs: number[]
  /** The requests. */
  readonly asks: { readonly kinds: ReadonlySet<Ask>; readonly places: number }[]
  readonly endMs: number
}

/** How long a consumer without a socket waits at the broker, and how long after a break it has another one. */
const POLL_MS = 5_000
const RECONNECT_MS = 2_000
const LOOK_MS = 20

/**
 * A log with some partitions, a consumer that goes by a vigil, and a network between that loses what it likes. Time is a
 * number, and what happens is a list: a run is over when all records are delivered.
 */
export function listenThrough({ partitions, appends, seed, faults }: World): Heard {
  const chance = chanceOf(seed)
  const vigil = new Vigil<number>(chance())
  const places = Array.from({ length: partitions }, (_, place) => place)
  const ends = places.map(() => 0)
  const known = places.map(() => 0)
  const offsets = places.map(() => 0)
  const appendedMs: number[][] = places.map(() => [])
  const armed = new Set<string>()
  const heard: Heard & { endMs: number } = { latenciesMs: [], asks: [], endMs: 0 }
  const events: { readonly atMs: number; readonly act: () => void }[] = []
  let nowMs = 0
  let socket = 0
  let isOpen = false
  let isAsking = false
  let isWaiting = false
  let wakeAtMs = Number.POSITIVE_INFINITY

  const at = (delayMs: number, act: () => void) => events.push({ atMs: nowMs + delayMs, act })
  const connect = () => {
    socket += 1
    isOpen = true
    vigil.open()
    go()
  }
  const append = (place: number) => {
    ends[place]! += 1
    appendedMs[place]!.push(nowMs)
    const key = `${socket} ${place}`
    if (isOpen && armed.delete(key)) {
      const told = socket
      const wake = () => {
        if (told === socket && isOpen && vigil.woken(place)) go()
      }
      if (chance() >= faults.lost) at(chance() * faults.lateMsMax, wake)
      if (chance() < faults.doubled) at(chance() * faults.lateMsMax, wake)
    }
    if (isWaiting) at(LOOK_MS, () => answerPoll())
    if (isOpen && chance() < faults.cuts) {
      isOpen = false
      vigil.close()
      at(RECONNECT_MS, connect)
      go()
    }
  }

  let answerPoll = () => {}
  /** Asks for what is to be asked for now, if nothing is under way. */
  const go = () => {
    if (isAsking) return
    const asks = new Map<number, Ask>()
    for (const place of places) {
      const ask = vigil.askFor(place, known[place]! > offsets[place]!, nowMs)
      if (ask) asks.set(place, ask)
    }
    const due = vigil.dueMs(places.filter(place => !asks.has(place)))
    if (due < wakeAtMs || wakeAtMs <= nowMs) {
      wakeAtMs = Math.max(due, nowMs + 1)
      if (due < Number.POSITIVE_INFINITY) at(wakeAtMs - nowMs, go)
    }
    if (asks.size > 0) ask(asks)
  }
  const ask = (asks: ReadonlyMap<number, Ask>) => {
    isAsking = true
    heard.asks.push({ kinds: new Set(asks.values()), places: asks.size })
    for (const [place, kind] of asks) vigil.asked(place, kind, nowMs)
    const by = socket
    const fails = chance() < faults.failing
    at(LOOK_MS * chance(), () => {
      for (const [place, kind] of asks) if (kind === 'arm') armed.add(`${by} ${place}`)
      const look = () => {
        const seen = places.map(place => ends[place]!)
        const hasNews = [...asks.keys()].some(place => seen[place]! > offsets[place]!)
        const polls = [...asks.values()].includes('poll')
        if (polls && !hasNews && !isWaiting) {
          isWaiting = true
          const over = () => {
            if (answerPoll !== over) return
            isWaiting = false
            answerPoll = () => {}
            answer(places.map(place => ends[place]!))
          }
          answerPoll = over
          at(POLL_MS, over)
          return
        }
        at(LOOK_MS * chance(), () => answer(seen))
      }
      at(LOOK_MS * chance(), look)
    })
    const answer = (seen: readonly number[]) => {
      isAsking = false
      for (const [place] of asks) {
        if (fails) {
          vigil.failed(place)
          continue
        }
        const hasNews = seen[place]! > offsets[place]!
        for (let offset = offsets[place]!; offset < seen[place]!; offset++)
          heard.latenciesMs.push(nowMs - appendedMs[place]![offset]!)
        offsets[place] = seen[place]!
        known[place] = seen[place]!
        vigil.answered(place, { armed: by === socket && isOpen ? 'yes' : 'no', hasNews }, nowMs)
      }
      go()
    }
  }

  let appendMs = 0
  for (const { afterMs, partition } of appends) {
    appendMs += afterMs
    at(appendMs, () => append(partition % partitions))
  }
  at(POLL_MS, connect)
  go()
  for (let steps = 0; heard.latenciesMs.length < appends.length; steps++) {
    if (steps > 1_000_000) throw new Error('a record never came')
    let next = 0
    for (const [index, { atMs }] of events.entries()) if (atMs < events[next]!.atMs) next = index
    const [event] = events.splice(next, 1)
    if (!event) throw new Error('nothing happens any more, and a record is missing')
    nowMs = event.atMs
    event.act()
  }
  heard.endMs = nowMs
  return heard
}

/** The same numbers for the same seed. */
function chanceOf(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
