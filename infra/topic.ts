import { type CfnResource, type CustomResource, type Duration, RemovalPolicy, Token } from 'aws-cdk-lib'
import { Construct } from 'constructs'
import { TOPIC_PARTITIONS_MAX } from '../src/core/limits.ts'
import { toWholeNumber, wholeNumberWords } from '../src/core/numbers.ts'
import { checkConfigs } from '../src/core/topic/topic-config.ts'
import { checkTopicName } from '../src/core/topic/topic-name.ts'
import { TidemarkBroker } from './broker.ts'
import { makeDeployedResource } from './deployed-resource.ts'

export interface TopicProps {
  /** Default: the one broker in the nearest scope around this topic that has any. */
  readonly broker?: TidemarkBroker
  /** Letters, digits, ".", "_" and "-". A new name makes a new topic. Default: the construct's id. */
  readonly topicName?: string
  /** May grow in a later deployment, and never shrink. Default: 1. */
  readonly partitions?: number
  /** Kafka's `retention.ms`: older records are deleted, unless the topic is only compacted. Default: a week. */
  readonly retention?: Duration
  /** Kafka's topic configs by name, such as `max.message.bytes`. Default: none is set. */
  readonly configs?: Readonly<Record<string, string | number>>
  /**
   * What becomes of the topic and its records when it leaves the stack. Default: RETAIN where its broker is in
   * production, else DESTROY.
   */
  readonly removalPolicy?: RemovalPolicy.RETAIN | RemovalPolicy.DESTROY
}

/** A topic, created and altered when the stack is deployed. */
export class Topic extends Construct {
  readonly broker: TidemarkBroker
  readonly topicName: string
  readonly #resource: CustomResource
  readonly #partitions: number
  readonly #configs: Readonly<Record<string, string>>

  /** @throws TidemarkError or Error where a name, a number or a config cannot be, before anything is deployed */
  constructor(scope: Construct, id: string, props: TopicProps = {}) {
    super(scope, id)
    const { topicName = id, partitions = 1 } = props
    this.broker = props.broker ?? findBroker(this)
    this.topicName = topicName
    const configs = configsOf(props)
    if (!Token.isUnresolved(topicName)) checkTopicName(topicName)
    if (!Token.isUnresolved(partitions)) checkPartitions(partitions)
    checkConfigs(configs)
    this.#partitions = partitions
    this.#configs = configs
    this.broker.claimTopicName(topicName)

    const removal =
      props.removalPolicy ?? (this.broker.isProduction ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY)
    this.#resource = makeDeployedResource(this, 'Topic', this.broker.adminFunction, {
      topic: topicName,
      partitions,
      configs,
      removal: removal === RemovalPolicy.RETAIN ? 'retain' : 'delete',
    })
  }

  /** The topic's id, known once the stack is deployed: its items and its objects bear it in their keys. */
  get topicId(): string {
    // A topic that was deployed before its id was asked for is asked anew: something of it has to change.
    const resource = this.#resource.node.defaultChild as CfnResource
    resource.addPropertyOverride('tellsId', 'true')
    return this.#resource.getAttString('TopicId')
  }

  /**
   * What an outbox has to know of the topic, as JSON, for a function's environment: `outbox({ topics: [JSON.parse(…)] })` then asks
   * nobody. It is as the topic is when the function is deployed.
   */
  get outboxTopic(): string {
    const maxMessageBytes = this.#configs['max.message.bytes']
    const isCompacted = this.#configs['cleanup.policy']?.includes('compact')
    return JSON.stringify({
      topic: this.topicName,
      topicId: this.topicId,
      partitions: this.#partitions,
      ...(maxMessageBytes !== undefined && { maxMessageBytes: Number(maxMessageBytes) }),
      ...(isCompacted && { isCompacted }),
    })
  }
}

function configsOf({ retention, configs = {} }: TopicProps): Record<string, string> {
  const all = Object.entries(configs).map(([name, value]) => [name, String(value)] as const)
  if (retention === undefined) return Object.fromEntries(all)
  if ('retention.ms' in configs)
    throw new Error('Give either retention or the config "retention.ms", not both.')
  return Object.fromEntries([...all, ['retention.ms', String(retention.toMilliseconds())]])
}

function checkPartitions(partitions: number): void {
  const bounds = { min: 1, max: TOPIC_PARTITIONS_MAX }
  if (typeof partitions === 'number' && toWholeNumber(partitions, bounds) !== undefined) return
  throw new Error(`A topic has ${wholeNumberWords(bounds, 'partitions')}, not ${JSON.stringify(partitions)}.`)
}

/** @throws Error where there is none, or where it could be one or another */
function findBroker(topic: Topic): TidemarkBroker {
  for (const scope of topic.node.scopes.toReversed()) {
    const brokers = scope.node.findAll().filter(each => each instanceof TidemarkBroker)
    if (brokers.length === 1) return brokers[0]!
    if (brokers.length > 1) {
      const paths = brokers.map(broker => broker.node.path).join(', ')
      throw new Error(`${topic.node.path} could be a topic of any of these: ${paths}. Say which with broker.`)
    }
  }
  throw new Error(
    `${topic.node.path} has no broker. Make a TidemarkBroker before it, or say which with broker.`,
  )
}
