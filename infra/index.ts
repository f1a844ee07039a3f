/** Constructs for a CDK app: `import { TidemarkBroker, Topic } from 'tidemark/cdk'`. */
export { type BrokerAuth, TidemarkBroker, type TidemarkBrokerProps } from './broker.ts'
export { TidemarkStack } from './tidemark-stack.ts'
export { Topic, type TopicProps } from './topic.ts'
