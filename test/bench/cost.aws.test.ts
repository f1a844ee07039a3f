import { expect, test } from 'vitest'
import { countDeployedCost } from '../../bench/deployed-cost.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../aws/endpoints.ts'
import { createTestTable } from '../aws/tables.ts'

describeDynamoDbLocal('the cost of a deployed broker', () => {
  test('is what was counted', async () => {
    const endpoint = dynamoDbLocalEndpoint()
    const { table, remove } = await createTestTable(endpoint)
    const settings = { endpoint, table, commits: 20, recordsPerBatch: 50, commitsPerSecond: 1 }
    const [produced, fetched, direct] = await countDeployedCost(settings)
    // A batch of 50 is an object of its own, so nothing rests in the table for a flush to move.
    expect(produced).toMatchObject({ records: 1_000, calls: 20, flushes: 1, objectPuts: 20, objectGets: 0 })
    expect(produced?.tableWrites).toBeGreaterThanOrEqual(20)
    expect(produced?.writeUnits).toBeGreaterThanOrEqual(20)
    expect(fetched).toMatchObject({ records: 1_000, calls: 1, tableWrites: 0, writeUnits: 0 })
    expect(fetched?.objectGets).toBeGreaterThan(0)
    const { total, ...parts } = produced!.dollars
    expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(total, 12)
    expect(parts.s3).toBeCloseTo(20 * 0.000005, 12)
    expect(direct?.dollars).toMatchObject({ dynamodb: parts.dynamodb, s3: parts.s3, api: 0 })
    await remove()
  })
})
