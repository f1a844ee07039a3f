/** Of each method of a store, whether it gives a promise or items one after the other. */
export type Kinds<Store> = {
  readonly [Name in keyof Store]: Store[Name] extends (...args: never[]) => AsyncIterable<unknown>
    ? 'all'
    : 'one'
}

type Methods = Record<string, (...args: unknown[]) => unknown>

/**
 * A store that is loaded when somebody asks it for something: most functions never do, and what a function loads is paid for with every
 * cold start.
 */
export function lazily<Store extends object>(open: () => Promise<Store>, kinds: Kinds<Store>): Store {
  let opened: Promise<Methods> | undefined
  const call = async (name: string, args: unknown[]) => {
    opened ??= open() as Promise<Methods>
    return (await opened)[name]!(...args)
  }
  const lazy = Object.entries(kinds).map(([name, kind]) => [
    name,
    kind === 'one'
      ? (...args: unknown[]) => call(name, args)
      : async function* (...args: unknown[]) {
          yield* (await call(name, args)) as AsyncIterable<unknown>
        },
  ])
  return Object.fromEntries(lazy)
}
