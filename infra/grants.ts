import { Stack, Token } from 'aws-cdk-lib'
import type * as apigateway from 'aws-cdk-lib/aws-apigatewayv2'
import * as iam from 'aws-cdk-lib/aws-iam'
import type { IConstruct } from 'constructs'
import { checkTopicName } from '../src/core/topic/topic-name.ts'

export interface BrokerTopic extends IConstruct {
  readonly broker: IConstruct
  readonly topicName: string
}

/** @throws Error where it is another broker's, or where its name would open other topics */
export function topicNameFor(broker: IConstruct, topic: BrokerTopic | string): string {
  if (typeof topic === 'string') {
    // A * in a name would open other topics.
    if (!Token.isUnresolved(topic)) checkTopicName(topic)
    return topic
  }
  if (topic.broker !== broker) {
    throw new Error(`${topic.node.path} is a topic of ${topic.broker.node.path}, not of ${broker.node.path}.`)
  }
  return topic.topicName
}

/** @throws Error where the id would open other groups */
export function groupIdFor(groupId: string): string {
  return idFor(groupId, 'group id')
}

/** @throws Error where the id would open others */
export function idFor(id: string, what: string): string {
  if (Token.isUnresolved(id) || /^[\w.-]+$/.test(id)) return id
  throw new Error(`A grant is for a ${what} of letters, digits, ".", "_" and "-", not ${id}.`)
}

/** Lets somebody call some of an API: `METHOD/path`. */
export function grantCalls(
  api: apigateway.HttpApi,
  grantee: iam.IGrantable,
  calls: readonly string[],
): iam.Grant {
  return iam.Grant.addToPrincipal({
    grantee,
    actions: ['execute-api:Invoke'],
    // The API has one stage, $default; the * spares the question of how IAM reads a $.
    resourceArns: calls.map(call =>
      Stack.of(api).formatArn({
        service: 'execute-api',
        resource: api.apiId,
        resourceName: `*/${call}`,
      }),
    ),
  })
}
