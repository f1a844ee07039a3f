import { type CfnElement, Stack, Validations } from 'aws-cdk-lib'
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import type * as s3 from 'aws-cdk-lib/aws-s3'
import type { IConstruct } from 'constructs'

/** @param prefixes of those objects that a role may reach */
export function acknowledgeObjects(policy: IConstruct, bucket: s3.Bucket, prefixes: readonly string[]): void {
  const reason =
    'Objects are named at random, and by topics that come and go: all of a kind is one prefix, and this role reaches no other.'
  for (const prefix of prefixes) acknowledgeWildcard(policy, bucket, `/${prefix}*`, reason)
}

export function acknowledgeStream(policy: IConstruct, table: dynamodb.Table): void {
  const reason =
    'A table has one stream. Lambda asks for ListStreams, which AWS grants by table and not by stream.'
  acknowledgeWildcard(policy, table, '/stream/*', reason)
}

/** @param resource of the API, as it is allowed */
export function acknowledgePosts(policy: IConstruct, api: IConstruct, resource: string): void {
  const logicalId = Stack.of(api).getLogicalId(api.node.defaultChild as CfnElement)
  const arn = `arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<${logicalId}>/${resource}`
  Validations.of(policy).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${arn}]`,
    reason:
      'Connections come and go, and AWS names them: this role posts to all of this one stage, and does nothing else to them.',
  })
}

/**
 * States that cdk-nag's finding about wildcards in a policy is known, and why it is right. cdk-nag names a
 * resource by its logical id in the template, so an acknowledgement fits this one finding and no other.
 *
 * @param suffix what follows the resource's ARN, such as `/segments/*`
 */
function acknowledgeWildcard(policy: IConstruct, owner: IConstruct, suffix: string, reason: string): void {
  const logicalId = Stack.of(owner).getLogicalId(owner.node.defaultChild as CfnElement)
  Validations.of(policy).acknowledge({
    id: `AwsSolutions-IAM5[Resource::<${logicalId}.Arn>${suffix}]`,
    reason,
  })
}
