import { createHash } from 'node:crypto'
import { Duration, Names, Token } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { checkGroupId } from '../src/core/group/identity.ts'
import { GROUP_ID_CHARACTERS_MAX, TRIGGER_CALL_TIMEOUT_MS_MAX } from '../src/core/limits.ts'
import { makeDeployedResource } from './deployed-resource.ts'
import type { Topic } from './topic.ts'
import { TopicDestination } from './topic-destination.ts'
import { settingsOf, type TidemarkEventSourceProps } from './trigger-settings.ts'

/** Lambda's own. */
const FUNCTION_TIMEOUT_DEFAULT = Duration.seconds(3)

/**
 * Calls a function with the records of a topic: `fn.addEventSource(new TidemarkEventSource(topic, { … }))`. The
 * function gets the event that Lambda's own event source for self-managed Kafka sends.
 */
export class TidemarkEventSource implements lambda.IEventSource {
  readonly #topic: Topic
  readonly #props: TidemarkEventSourceProps

  constructor(topic: Topic, props: TidemarkEventSourceProps) {
    this.#topic = topic
    this.#props = props
  }

  /** @throws TidemarkError or Error where something cannot be, before anything is deployed */
  bind(target: lambda.IFunction): void {
    const topic = this.#topic
    const { groupId = groupIdOf(target), enabled = true, onFailure } = this.#props
    if (Token.isUnresolved(groupId)) {
      throw new Error(
        `The groupId of ${target.node.path} on "${topic.topicName}" must be known before it is deployed.`,
      )
    }
    checkGroupId(groupId)
    const settings = settingsOf(this.#props, timeoutMsOf(target))
    if (onFailure instanceof TopicDestination && onFailure.topic.broker !== topic.broker) {
      throw new Error(
        `${onFailure.topic.node.path} is a topic of another broker than ${topic.node.path}: take one of the same.`,
      )
    }
    if (onFailure instanceof TopicDestination && onFailure.topic.topicName === topic.topicName) {
      throw new Error(
        `What ${target.node.path} gives up of "${topic.topicName}" would come back to it for ever: take another topic.`,
      )
    }
    const delivery = topic.broker.deliveryForTriggers()
    delivery.claimTrigger(groupId, topic.topicName)

    const scope = new Construct(target, `Tidemark:${groupId}:${Names.nodeUniqueId(topic.node)}`)
    const deliverer = delivery.asGranteeIn(scope)
    // Exactly this one: an alias's ARN does not let in to other versions, and a function's own not to its aliases.
    deliverer.addToRolePolicy(
      new iam.PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [target.functionArn] }),
    )
    // CDK's destinations look at the deliverer only, and ask for a mapping, of which there is none.
    const mapping = lambda.EventSourceMapping.fromEventSourceMappingId(scope, 'Mapping', 'none')
    const destination = onFailure?.bind(mapping, deliverer).destination
    const resource = makeDeployedResource(scope, 'Trigger', topic.broker.adminFunction, {
      groupId,
      topic: topic.topicName,
      target: target.functionArn,
      state: enabled ? 'active' : 'paused',
      // As JSON: CloudFormation hands on every number and every switch as text.
      settings: JSON.stringify(settings),
      ...(destination !== undefined && { onFailure: destination }),
    })
    // The trigger is there after its topic and goes before it; and nothing is delivered before it may be.
    resource.node.addDependency(topic, deliverer.role!)
    if (onFailure instanceof TopicDestination) resource.node.addDependency(onFailure.topic)
  }
}

/** The function's place in the app, which is its own and changes only when it is moved. */
function groupIdOf(target: lambda.IFunction): string {
  const readable = target.node.path.replaceAll(/[^\w.-]+/g, '-')
  if (readable.length <= GROUP_ID_CHARACTERS_MAX) return readable
  const hash = createHash('sha256').update(target.node.path).digest('hex').slice(0, 8)
  return `${readable.slice(0, GROUP_ID_CHARACTERS_MAX - hash.length - 1)}-${hash}`
}

/**
 * How long a call may take: the function's own time-out, where it is known here, and else the longest that can be.
 * @throws Error where it is too long for a function that waits for it
 */
function timeoutMsOf(target: lambda.IFunction): number {
  const called = 'lambda' in target ? (target.lambda as lambda.IFunction) : target
  if (!(called instanceof lambda.Function)) return TRIGGER_CALL_TIMEOUT_MS_MAX
  const timeout = called.timeout ?? FUNCTION_TIMEOUT_DEFAULT
  if (timeout.isUnresolved()) return TRIGGER_CALL_TIMEOUT_MS_MAX
  if (timeout.toMilliseconds() > TRIGGER_CALL_TIMEOUT_MS_MAX) {
    throw new Error(
      `${called.node.path} may take ${timeout.toHumanString()}. A function with an event source of Tidemark takes at ` +
        'most 14 minutes, since what calls it has to outlive it.',
    )
  }
  return timeout.toMilliseconds()
}
