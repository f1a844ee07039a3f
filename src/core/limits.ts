/**
 * Every limit, by what it is about: the unit stands last in the name. What must hold between two of them is asserted
 * beside the one that needs it, so that changing one alone cannot break another.
 */
export * from './limits/aws.ts'
export * from './limits/client.ts'
export * from './limits/descriptors.ts'
export * from './limits/gateway.ts'
export * from './limits/groups.ts'
export * from './limits/http.ts'
export * from './limits/inflating.ts'
export * from './limits/log.ts'
export * from './limits/outbox.ts'
export * from './limits/settling.ts'
export * from './limits/store.ts'
export * from './limits/transaction.ts'
export * from './limits/triggers.ts'
export * from './limits/waking.ts'
export * from './limits/wire.ts'
