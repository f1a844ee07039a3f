import { CustomResource, Duration } from 'aws-cdk-lib'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'

/** Longer than the function can take; without it, CloudFormation waits an hour for a crash. */
const RESOURCE_TIMEOUT = Duration.minutes(5)

/** What a broker's admin function makes, alters and removes when the stack is deployed. */
export function makeDeployedResource(
  scope: Construct,
  what: 'Topic' | 'Trigger',
  adminFunction: lambda.Function,
  properties: Readonly<Record<string, unknown>>,
): CustomResource {
  return new CustomResource(scope, 'Resource', {
    resourceType: `Custom::Tidemark${what}`,
    // Answers CloudFormation itself, so that no further function has to stand between.
    serviceToken: adminFunction.functionArn,
    serviceTimeout: RESOURCE_TIMEOUT,
    properties,
  })
}
