import type { IConstruct } from 'constructs'

/** A topic as its broker knows it. */
export interface BrokerTopic extends IConstruct {
  readonly broker: IConstruct
  readonly topicName: string
}
