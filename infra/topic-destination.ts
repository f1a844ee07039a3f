import type * as lambda from 'aws-cdk-lib/aws-lambda'
import type { Topic } from './topic.ts'

/** Another topic of the same broker as the place for records that are given up: they go there as they are. */
export class TopicDestination implements lambda.IEventSourceDlq {
  readonly topic: Topic

  constructor(topic: Topic) {
    this.topic = topic
  }

  bind(): { readonly destination: string } {
    this.topic.broker.deliveryForTriggers().allowProducing()
    return { destination: `tidemark://${this.topic.topicName}` }
  }
}
