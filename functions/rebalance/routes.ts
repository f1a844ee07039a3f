import type { Route } from '../../src/contract/http/route.ts'
import { route as abortTransaction } from '../../src/contract/http/routes/abort-transaction.ts'
import { route as addPartitions } from '../../src/contract/http/routes/add-partitions.ts'
import { route as commitOffsets } from '../../src/contract/http/routes/commit-offsets.ts'
import { route as commitTransactionOffsets } from '../../src/contract/http/routes/commit-transaction-offsets.ts'
import { route as deleteGroup } from '../../src/contract/http/routes/delete-group.ts'
import { route as deleteTrigger } from '../../src/contract/http/routes/delete-trigger.ts'
import { route as describeGroup } from '../../src/contract/http/routes/describe-group.ts'
import { route as describeTransaction } from '../../src/contract/http/routes/describe-transaction.ts'
import { route as endTransaction } from '../../src/contract/http/routes/end-transaction.ts'
import { route as health } from '../../src/contract/http/routes/health.ts'
import { route as heartbeat } from '../../src/contract/http/routes/heartbeat.ts'
import { route as initProducer } from '../../src/contract/http/routes/init-producer.ts'
import { route as leaveGroup } from '../../src/contract/http/routes/leave-group.ts'
import { route as listGroups } from '../../src/contract/http/routes/list-groups.ts'
import { route as listTransactions } from '../../src/contract/http/routes/list-transactions.ts'
import { route as listTriggers } from '../../src/contract/http/routes/list-triggers.ts'
import { route as pauseTrigger } from '../../src/contract/http/routes/pause-trigger.ts'
import { route as readOffsets } from '../../src/contract/http/routes/read-offsets.ts'
import { route as resumeTrigger } from '../../src/contract/http/routes/resume-trigger.ts'
import { route as stageBatches } from '../../src/contract/http/routes/stage-batches.ts'

/** What transactions take. */
const TRANSACTION_ROUTES: readonly Route[] = [
  initProducer,
  addPartitions,
  stageBatches,
  commitTransactionOffsets,
  endTransaction,
  listTransactions,
  describeTransaction,
  abortTransaction,
]

export const GROUP_ROUTES: readonly Route[] = [
  heartbeat,
  leaveGroup,
  commitOffsets,
  readOffsets,
  listGroups,
  describeGroup,
  deleteGroup,
]

/** What the rebalance function serves; health, so that it can be kept warm or looked at by a direct invocation. */
export const REBALANCE_ROUTES: readonly Route[] = [
  ...GROUP_ROUTES,
  ...TRANSACTION_ROUTES,
  listTriggers,
  pauseTrigger,
  resumeTrigger,
  deleteTrigger,
  health,
]
