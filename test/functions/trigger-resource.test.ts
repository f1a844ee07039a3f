import { beforeEach, describe, expect, test } from 'vitest'
import type { ResourceEvent } from '../../functions/admin/resource-event.ts'
import { settleTrigger, triggerIdIn } from '../../functions/admin/trigger-resource.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { Triggers } from '../../src/broker/triggers/triggers.ts'
import { openTestService, type TestService } from './function-service.ts'

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:ship'
const WANTED = {
  ServiceToken: 'arn:aws:lambda:us-east-1:123456789012:function:admin',
  groupId: 'shipping',
  topic: 'orders',
  target: ARN,
  state: 'active',
  settings: '{"batchSize":10,"startingPosition":"earliest","callTimeoutMs":3000}',
}

let service: TestService
let triggers: Triggers
let requests: number

beforeEach(async () => {
  service = openTestService()
  triggers = new Triggers(service.ports, new TopicDirectory(service.ports.topics, service.ports.clock))
  requests = 0
  const broker = openBroker(service)
  for (const topic of ['orders', 'payments']) await broker.createTopic({ topic })
})

function eventOf(RequestType: string, properties: object, more: Partial<ResourceEvent> = {}): ResourceEvent {
  requests += 1
  return {
    RequestType,
    ResourceType: 'Custom::TidemarkTrigger',
    ResponseURL: 'http://127.0.0.1:1',
    StackId: 'arn:aws:cloudformation:us-east-1:123456789012:stack/Shop/guid',
    RequestId: `request-${requests}`,
    LogicalResourceId: 'Ship',
    ResourceProperties: { ...WANTED, ...properties },
    ...more,
  }
}

const create = (properties: object = {}) => settleTrigger(service.ports, eventOf('Create', properties))

const update = (PhysicalResourceId: string, properties: object, before: object = {}) =>
  settleTrigger(
    service.ports,
    eventOf('Update', properties, { PhysicalResourceId, OldResourceProperties: { ...WANTED, ...before } }),
  )

const remove = (PhysicalResourceId: string, properties: object = {}) =>
  settleTrigger(service.ports, eventOf('Delete', properties, { PhysicalResourceId }))

const standing = (groupId = 'shipping', topic = 'orders') =>
  service.ports.triggers.readTrigger(groupId, topic)

describe('a trigger of a template', () => {
  test('is made, under the id that the resource has', async () => {
    const id = await create({ onFailure: 'arn:aws:sqs:us-east-1:123456789012:failures' })
    expect(await standing()).toMatchObject({
      triggerId: id,
      target: ARN,
      state: 'active',
      settings: {
        batchSize: 10,
        onFailure: 'arn:aws:sqs:us-east-1:123456789012:failures',
        retryAttempts: null,
      },
    })
  })

  test('is made once, however often the request comes', async () => {
    const event = eventOf('Create', {})
    const id = await settleTrigger(service.ports, event)
    expect(await settleTrigger(service.ports, event)).toBe(id)
    expect(await triggers.list()).toHaveLength(1)
  })

  test("does not take over another's", async () => {
    const id = await create()
    const another = eventOf('Create', { target: `${ARN}-2` }, { LogicalResourceId: 'ShipToo' })
    await expect(settleTrigger(service.ports, another)).rejects.toThrow('has a trigger on "orders" already')
    expect(await standing()).toMatchObject({ triggerId: id, target: ARN })
  })

  test('is altered and keeps its id', async () => {
    const id = await create()
    expect(await update(id, { target: `${ARN}:live`, settings: '{"batchSize":20}' })).toBe(id)
    expect(await standing()).toMatchObject({
      triggerId: id,
      target: `${ARN}:live`,
      settings: { batchSize: 20, callTimeoutMs: 3_000 },
    })
  })

  test('begins paused where the template says so, and delivers when it says otherwise', async () => {
    const id = await create({ state: 'paused' })
    expect(await standing()).toMatchObject({ state: 'paused' })
    await update(id, { state: 'active' }, { state: 'paused' })
    expect(await standing()).toMatchObject({ state: 'active' })
    await update(id, { state: 'paused' }, { state: 'active' })
    expect(await standing()).toMatchObject({ state: 'paused' })
  })

  test('stays paused where somebody has paused it, and the template does not change that', async () => {
    const id = await create()
    await triggers.pause({ groupId: 'shipping', topic: 'orders' })
    await update(id, { settings: '{"batchSize":20}' })
    expect(await standing()).toMatchObject({ state: 'paused', settings: { batchSize: 20 } })
  })

  test('is another one on another topic or in another group, and the old one is deleted after', async () => {
    const id = await create()
    const onPayments = await update(id, { topic: 'payments' })
    expect(onPayments).not.toBe(id)
    const inBilling = await update(
      onPayments,
      { topic: 'payments', groupId: 'billing' },
      { topic: 'payments' },
    )
    expect(inBilling).not.toBe(onPayments)
    // CloudFormation deletes with the properties of then.
    await remove(id)
    await remove(onPayments, { topic: 'payments' })
    expect((await triggers.list()).map(({ triggerId }) => triggerId)).toEqual([inBilling])
  })

  test('is back under its names where a change of them is rolled back', async () => {
    const id = await create()
    const onPayments = await update(id, { topic: 'payments' })
    // CloudFormation deletes nothing before all is done, so the first one still stands.
    expect(await update(onPayments, {}, { topic: 'payments' })).toBe(id)
    await remove(onPayments, { topic: 'payments' })
    expect((await triggers.list()).map(({ triggerId }) => triggerId)).toEqual([id])
  })

  test('that was made by a creation that is told to have failed goes with the removal that follows', async () => {
    const event = eventOf('Create', {})
    await settleTrigger(service.ports, event)
    await remove(triggerIdIn(event))
    expect(await triggers.list()).toEqual([])
  })

  test('is another one where it is made again after a removal', async () => {
    const id = await create()
    await remove(id)
    expect(await create()).not.toBe(id)
  })

  test('of a creation with properties that are not valid has no id', () => {
    expect(triggerIdIn(eventOf('Create', { settings: 'nonsense' }))).toBe('not/created')
  })

  test('is made anew by an update where somebody has removed it', async () => {
    const id = await create()
    await triggers.remove({ groupId: 'shipping', topic: 'orders' })
    await update(id, { state: 'paused' })
    expect(await standing()).toMatchObject({ triggerId: id, state: 'paused' })
  })

  test('is removed, also twice, and also where its topic is gone', async () => {
    const id = await create()
    await openBroker(service).deleteTopic('orders')
    await remove(id)
    await remove(id)
    expect(await triggers.list()).toEqual([])
  })

  test('is not removed where it has been made by somebody else since', async () => {
    const id = await create()
    await triggers.remove({ groupId: 'shipping', topic: 'orders' })
    await triggers.put({ groupId: 'shipping', topic: 'orders', target: ARN, settings: {} })
    await remove(id)
    expect(await triggers.list()).toHaveLength(1)
  })

  test('that was never made needs no removal, whatever its properties are', async () => {
    await create()
    expect(await remove('not/created', { settings: 'nonsense' })).toBe('not/created')
    expect(await triggers.list()).toHaveLength(1)
  })

  test.each([
    [{ settings: 'nonsense' }, 'settings: must be a JSON object'],
    [{ settings: '7' }, 'settings: must be a JSON object'],
    [{ groupId: '' }, 'groupId'],
    [{ target: 7 }, 'target'],
    [{ state: 'asleep' }, 'state'],
    [{ settings: '{"batchSize":0}' }, 'batchSize'],
    [{ topic: 'nowhere' }, 'nowhere'],
  ])('is refused as %j', async (properties, message) => {
    await expect(create(properties)).rejects.toThrow(message)
    expect(await triggers.list()).toEqual([])
  })

  test('has no other requests', async () => {
    await expect(settleTrigger(service.ports, eventOf('Rename', {}))).rejects.toThrow('"Rename"')
  })
})
