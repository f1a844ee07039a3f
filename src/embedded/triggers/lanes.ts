/** Work that shares a lane is done one after the other, in order; that of several lanes at the same time. */
export class Lanes {
  readonly #last = new Map<number, Promise<unknown>>()

  run<T>(lane: number, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(lane) ?? Promise.resolve()
    // Whoever waits in line has nothing to do with how the work before ended.
    const result = before.then(work, work)
    this.#last.set(lane, result)
    return result
  }
}
