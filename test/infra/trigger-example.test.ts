import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { expect, test } from 'vitest'
import { OrdersStack } from '../../examples/trigger/orders-stack.ts'
import { asText, BUNDLES, theResource } from './synthesis.ts'

test('the example of a trigger makes the stack that its README tells of', { timeout: 120_000 }, () => {
  const stack = new OrdersStack(new App(), 'TidemarkOrders', { bundles: BUNDLES })
  const template = Template.fromStack(stack)
  template.hasResourceProperties('Custom::TidemarkTopic', { topic: 'orders', partitions: 4 })
  const { Properties } = theResource(template, 'Custom::TidemarkTrigger')
  expect(Properties).toMatchObject({ groupId: 'order-handler', topic: 'orders', state: 'active' })
  expect([asText(Properties.target), asText(Properties.onFailure)]).toEqual([
    '<OrderHandler.Arn>',
    '<Failures.Arn>',
  ])
  const handler = theResource(template, 'AWS::Lambda::Function', 'OrderHandler').Properties
  expect(JSON.parse(Properties.settings)).toMatchObject({
    bisectBatchOnError: true,
    retryAttempts: 2,
    callTimeoutMs: handler.Timeout * 1000,
  })
  // Long enough for somebody to look at what could not be handled: as long as a queue can.
  const failures = theResource(template, 'AWS::SQS::Queue', 'Failures').Properties
  expect(failures.MessageRetentionPeriod).toBe(14 * 24 * 60 * 60)
  expect(Object.keys(template.toJSON().Outputs)).toEqual(
    expect.arrayContaining(['ApiUrl', 'FailuresUrl', 'HandlerName']),
  )
})
