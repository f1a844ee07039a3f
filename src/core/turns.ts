const waiting: (() => void)[] = []

/**
 * Long work lets others go first: what the event loop has to do meanwhile is done, and of all who wait here in this
 * process one goes on for each round of the loop, so that many of them hold it up no longer than one.
 */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => {
    waiting.push(resolve)
    if (waiting.length === 1) setImmediate(letOneGo)
  })
}

function letOneGo(): void {
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(letOneGo)
}

let last: Promise<unknown> = Promise.resolve()

/** Does what takes much memory, once nothing else in this process does that came here before. */
export function oneByOne<T>(work: () => Promise<T>): Promise<T> {
  const mine = last.then(work)
  last = mine.catch(() => {})
  return mine
}
