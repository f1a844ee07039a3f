/**
 * What a broker does beside producing and fetching, in parts that are loaded when they are first called for, once in a process.
 * Most functions never do it, and what a function loads is paid for with every cold start.
 */
export type UseCases = typeof import('./use-cases.ts')
type Tasks = typeof import('./settling/tasks.ts')
type ClassicCases = typeof import('./groups/classic/classic-groups.ts')
type TransactionCases = typeof import('./transactions/transactions.ts')
type TopicCases = typeof import('./topics/topics.ts')

let useCases: Promise<UseCases> | undefined
let tasks: Promise<Tasks> | undefined
let classic: Promise<ClassicCases> | undefined
let transactions: Promise<TransactionCases> | undefined
let topics: Promise<TopicCases> | undefined

/** What it does for groups and triggers, and to find offsets. */
export function loadUseCases(): Promise<UseCases> {
  useCases ??= import('./use-cases.ts')
  return useCases
}

/** What shortens logs, at their ends. */
export function loadTasks(): Promise<Tasks> {
  tasks ??= import('./settling/tasks.ts')
  return tasks
}

/** What it does with topics. */
export function loadTopics(): Promise<TopicCases> {
  topics ??= import('./topics/topics.ts')
  return topics
}

/** What it does for groups of Kafka's classic protocol: nobody but a gateway asks. */
export function loadClassic(): Promise<ClassicCases> {
  classic ??= import('./groups/classic/classic-groups.ts')
  return classic
}

/** What it does for transactions. */
export function loadTransactions(): Promise<TransactionCases> {
  transactions ??= import('./transactions/transactions.ts')
  return transactions
}
