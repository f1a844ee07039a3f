import { describe, inject } from 'vitest'

/** The AWS endpoint for suites inside describeAws. */
export function awsEndpoint(): string {
  return inject('awsEndpoint')!
}

/** DynamoDB Local's endpoint, for suites inside describeDynamoDbLocal. */
export function dynamoDbLocalEndpoint(): string {
  return inject('dynamoDbLocalEndpoint')!
}

/** A suite against S3, Lambda and the rest of AWS; skipped where no emulator could start. */
export const describeAws = describe.skipIf(inject('awsEndpoint') === undefined)

/** A suite against DynamoDB Local; skipped where it could not start. */
export const describeDynamoDbLocal = describe.skipIf(inject('dynamoDbLocalEndpoint') === undefined)
