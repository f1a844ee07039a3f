import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Construct } from 'constructs'
import { describe, expect, test } from 'vitest'
import { TidemarkBroker, Topic, type TopicProps } from '../../infra/index.ts'
import { asText, BUNDLES, type Resource, synthesize, theResource } from './synthesis.ts'

function topicOf(props: TopicProps = {}, production = true): Resource {
  const template = synthesize(stack => {
    new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, production })
    new Topic(stack, 'Orders', props)
  })
  return theResource(template, 'Custom::TidemarkTopic')
}

describe('a topic', () => {
  test('is made by the admin function, with a limit to how long that may take', () => {
    const { Properties } = topicOf({ partitions: 8, retention: Duration.days(7) })
    expect({ ...Properties, ServiceToken: asText(Properties.ServiceToken) }).toEqual({
      ServiceToken: '<BrokerAdmin.Arn>',
      ServiceTimeout: '300',
      topic: 'Orders',
      partitions: 8,
      configs: { 'retention.ms': '604800000' },
      removal: 'retain',
    })
  })

  test('has one partition, no configs and the name of its construct where nothing else is said', () => {
    expect(topicOf().Properties).toMatchObject({ topic: 'Orders', partitions: 1, configs: {} })
  })

  test('has the name and the configs that it is given', () => {
    const { Properties } = topicOf({
      topicName: 'orders.v1',
      configs: { 'max.message.bytes': 2_000, 'message.timestamp.type': 'LogAppendTime' },
    })
    expect(Properties.topic).toBe('orders.v1')
    expect(Properties.configs).toEqual({
      'max.message.bytes': '2000',
      'message.timestamp.type': 'LogAppendTime',
    })
  })

  test.each([
    ['stays', true, undefined, 'retain'],
    ['goes', false, undefined, 'delete'],
    ['goes where it is told to', true, RemovalPolicy.DESTROY, 'delete'],
    ['stays where it is told to', false, RemovalPolicy.RETAIN, 'retain'],
  ] as const)('%s when it leaves its stack (production: %s)', (_, production, removalPolicy, removal) => {
    const props = removalPolicy === undefined ? {} : { removalPolicy }
    expect(topicOf(props, production).Properties.removal).toBe(removal)
  })

  test.each<[string, TopicProps, RegExp]>([
    ['a name with a slash', { topicName: 'a/b' }, /illegal character/],
    ['no partitions', { partitions: 0 }, /A topic has a whole number of partitions from 1 to 10000, not 0\./],
    ['half a partition', { partitions: 1.5 }, /not 1.5/],
    ['too many partitions', { partitions: 10_001 }, /not 10001/],
    ['an unknown config', { configs: { 'no.such': 'x' } }, /Unknown topic config "no.such"/],
    ['a value that cannot be', { configs: { 'max.message.bytes': '1 MB' } }, /max.message.bytes is "1 MB"/],
    [
      'two retentions',
      { retention: Duration.days(1), configs: { 'retention.ms': 1 } },
      /either retention or the config/,
    ],
  ])('is refused before anything is deployed: %s', (_, props, message) => {
    expect(() => topicOf(props)).toThrow(message)
  })

  test('is refused where its broker has one of that name already', () => {
    const build = (stack: Stack) => {
      new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES })
      new Topic(stack, 'Orders')
      new Topic(stack, 'Again', { topicName: 'Orders' })
    }
    expect(() => synthesize(build)).toThrow('Test/Broker has a topic "Orders" already')
  })
})

describe('a topic finds its broker', () => {
  const options = { bundles: BUNDLES }

  test('in its own stack, before that of another', () => {
    const app = new App()
    new TidemarkBroker(new Stack(app, 'Far'), 'Broker', options)
    const near = new Stack(app, 'Near')
    const broker = new TidemarkBroker(near, 'Broker', options)
    expect(new Topic(new Construct(near, 'Part'), 'Orders').broker).toBe(broker)
  })

  test('in another stack of the app, where its own has none', () => {
    const app = new App()
    const broker = new TidemarkBroker(new Stack(app, 'Far'), 'Broker', options)
    const near = new Stack(app, 'Near')
    expect(new Topic(near, 'Orders').broker).toBe(broker)
    const { Properties } = theResource(Template.fromStack(near), 'Custom::TidemarkTopic')
    expect(Properties.ServiceToken).toHaveProperty('Fn::ImportValue')
  })

  test('but does not guess between two', () => {
    const build = (stack: Stack) => {
      new TidemarkBroker(stack, 'One', options)
      new TidemarkBroker(stack, 'Two', options)
      new Topic(stack, 'Orders')
    }
    expect(() => synthesize(build)).toThrow('could be a topic of any of these: Test/One, Test/Two')
  })

  test('and is told between two', () => {
    synthesize(stack => {
      new TidemarkBroker(stack, 'One', options)
      const broker = new TidemarkBroker(stack, 'Two', options)
      expect(new Topic(stack, 'Orders', { broker }).broker).toBe(broker)
    })
  })

  test('or says that there is none', () => {
    expect(() => synthesize(stack => new Topic(stack, 'Orders'))).toThrow('Test/Orders has no broker')
  })
})
