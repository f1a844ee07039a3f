import { expect, test } from 'vitest'
import { countTriggerCost } from '../../bench/deployed-triggers.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../aws/endpoints.ts'
import { createTestTable } from '../aws/tables.ts'

describeDynamoDbLocal('the cost of a trigger', () => {
  test('is what was counted', async () => {
    const endpoint = dynamoDbLocalEndpoint()
    const { table, remove } = await createTestTable(endpoint)
    const workload = { recordsPerBatch: 50, commitsPerSecond: 4, wakeUpsPerSecond: 1, wakeUps: 3 }
    const cost = await countTriggerCost({ endpoint, table, batchSize: 100, ...workload })
    // Four commits of fifty for each wake-up make two events, and a commit of the group each.
    expect(cost).toMatchObject({ records: 600, wakeUps: 3, calls: 6 })
    expect(cost.writeUnits).toBeGreaterThanOrEqual(6)
    // Each is sent, received, hidden, hidden before each call, and deleted.
    expect(cost.queueRequests).toBe(3 * 4 + 6)
    expect(cost.objectGets).toBeGreaterThan(0)
    const { total, handler, ...parts } = cost.dollars
    expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(total, 12)
    expect(parts.sqs).toBeCloseTo(18 * 0.0000005, 12)
    expect(handler).toBeGreaterThan(0)
    await remove()
  })
})
