import { type CfnElement, Stack, Validations } from 'aws-cdk-lib'
import type { IConstruct } from 'constructs'

/**
 * States that cdk-nag's finding about wildcards in a policy is known, and why it is right. cdk-nag names a
 * resource by its logical id in the template, so an acknowledgement fits this one finding and no other.
 *
 * @param suffix what follows the resource's ARN, such as `/segments/*`
 */
export function acknowledgeWildcard(
  policy: IConstruct,
  owner: IConstruct,
  suffix: string,
  reason: string,
): void {
  const logicalId = Stack.of(owner).getLogicalId(owner.node.defaultChild as CfnElement)
  Validations.of(policy).acknowledge({
    id: `AwsSolutions-IAM5[Resource::<${logicalId}.Arn>${suffix}]`,
    reason,
  })
}
