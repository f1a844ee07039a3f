/**
 * What most calls of a function never need, in one piece that is loaded when one does. A piece for each would split what they share with all
 * the others once more, and every function would carry the seams.
 */
export { dynamoLevels } from './dynamo-levels.ts'
export { appendDecided, dynamoTransactionStore } from './dynamo-transaction-store.ts'
