/** All schemas, for whoever has use for zod anyway. */
export * from './groups.ts'
export * from './records.ts'
export * from './server.ts'
export * from './topics.ts'
export * from './transactions.ts'
export * from './triggers.ts'
