/** Constructs for a CDK app: `import { TidemarkBroker, TidemarkEventSource, Topic } from 'tidemark/cdk'`. */
export type { BrokerAuth } from './api.ts'
export { TidemarkBroker, type TidemarkBrokerProps } from './broker.ts'
export { TidemarkEventSource } from './event-source.ts'
export { TidemarkGateway, type TidemarkGatewayProps } from './gateway.ts'
export { TidemarkStack } from './tidemark-stack.ts'
export { Topic, type TopicProps } from './topic.ts'
export { TopicDestination } from './topic-destination.ts'
export type { TidemarkEventSourceProps } from './trigger-settings.ts'
