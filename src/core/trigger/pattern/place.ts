import { TidemarkError } from '../../errors.ts'

/** Where in which filter something stands, for messages that lead to it. */
export class Place {
  readonly #filter: number
  /** The names of fields that lead here. */
  readonly path: readonly string[]

  /** @param filter which one in the list, from 1 on */
  constructor(filter: number, path: readonly string[] = []) {
    this.#filter = filter
    this.path = path
  }

  at(name: string): Place {
    return new Place(this.#filter, [...this.path, name])
  }

  /** For a number that is to be compared and that doubles do not have. */
  incomparable(number: string): TidemarkError {
    return this.refusal(
      `compares with ${number.slice(0, 100)}, which no double is: only in a list by itself, [${number.slice(0, 100)}], ` +
        'such a number can be looked for, as it is written',
    )
  }

  /** @param problem goes on after the place's name, without a full stop */
  refusal(problem: string): TidemarkError {
    const path = this.path.length === 0 ? '' : ` at ${this.path.map(name => JSON.stringify(name)).join('.')}`
    return new TidemarkError('INVALID_REQUEST', `Filter ${this.#filter}${path} ${problem}.`)
  }
}
