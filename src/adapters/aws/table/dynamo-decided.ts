import { decidedSteps } from '../../../core/log/changes/append-decided.ts'
import type { LogIndex } from '../../../ports/log-index.ts'
import { decidedUpdate, decodeOpenHeadItem, headItemKey } from '../items/head.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** What only transactions and outboxes ask of an index, in a DynamoDB table: one UpdateItem. */
export function dynamoDecided(table: DynamoTable): Pick<LogIndex, 'appendDecided'> {
  return {
    async appendDecided(partition, entries, seen, newcomers) {
      const update = decidedUpdate(entries, seen, decidedSteps(entries), newcomers)
      const { held, item } = await table.update(headItemKey(partition), update)
      const head = item && decodeOpenHeadItem(item)
      return head ? { kind: held ? 'appended' : 'refused', head } : { kind: 'missing' }
    },
  }
}
