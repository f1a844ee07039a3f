export type UseCases = typeof import('./use-cases.ts')

let loading: Promise<UseCases> | undefined

/**
 * Loads what a broker does beside producing and fetching, once in a process. Most functions never do it, and what a
 * function loads is paid for with every cold start.
 */
export function loadUseCases(): Promise<UseCases> {
  loading ??= import('./use-cases.ts')
  return loading
}
