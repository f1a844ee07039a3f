import type { Handler } from '../handler.ts'
import { addOffsetsToTxn } from './add-offsets-to-txn.ts'
import { addPartitionsToTxn } from './add-partitions-to-txn.ts'
import { describeTransactions } from './describe-transactions.ts'
import { endTxn } from './end-txn.ts'
import { initProducerId } from './init-producer-id.ts'
import { listTransactions } from './list-transactions.ts'
import { txnOffsetCommit } from './txn-offset-commit.ts'

/** The APIs that are about producers of transactions, in the order of their keys. */
export const TRANSACTION_HANDLERS: readonly Handler[] = [
  initProducerId,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  txnOffsetCommit,
  describeTransactions,
  listTransactions,
]
