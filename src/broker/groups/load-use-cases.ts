export type GroupUseCases = typeof import('./use-cases.ts')

let loading: Promise<GroupUseCases> | undefined

/**
 * Loads what a broker does for groups and triggers, once in a process. Most functions never serve a group, and what a
 * function loads is paid for with every cold start.
 */
export function loadGroupUseCases(): Promise<GroupUseCases> {
  loading ??= import('./use-cases.ts')
  return loading
}
