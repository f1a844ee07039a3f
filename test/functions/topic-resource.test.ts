import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CloudFormationCustomResourceEvent } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeAdminFunction } from '../../functions/admin/admin-function.ts'
import { triggerIdIn } from '../../functions/admin/trigger-resource.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { describeRoutes } from '../../src/contract/http/openapi/openapi-document.ts'
import { ROUTES } from '../../src/contract/http/routes/index.ts'
import { contextOf, decoded, openTestService, type TestService } from './function-service.ts'

interface SentAnswer {
  readonly method: string | undefined
  readonly contentType: string | undefined
  readonly contentLength: string | undefined
  readonly body: {
    Status: string
    Reason?: string
    PhysicalResourceId: string
    StackId: string
    RequestId: string
    LogicalResourceId: string
  }
}

let service: TestService
let answers: SentAnswer[]
/** How the answer's address answers; 200 when there is nothing left. */
let statuses: number[]
let server: Server
let call: ReturnType<typeof makeAdminFunction>

beforeEach(async () => {
  service = openTestService()
  call = makeAdminFunction(service, () => describeRoutes(ROUTES))
  answers = []
  statuses = []
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      response.statusCode = statuses.shift() ?? 200
      response.end()
      const { 'content-type': contentType, 'content-length': contentLength } = request.headers
      const body = JSON.parse(Buffer.concat(chunks).toString())
      answers.push({ method: request.method, contentType, contentLength, body })
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

/** As the user guide of CloudFormation shows a request; numbers come as text. */
function resourceEvent(
  RequestType: 'Create' | 'Update' | 'Delete',
  properties: object,
  more: object = {},
): CloudFormationCustomResourceEvent {
  return {
    RequestType,
    ServiceToken: 'arn:aws:lambda:eu-central-1:123456789012:function:admin',
    ResponseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/answer?signature=x`,
    StackId: 'arn:aws:cloudformation:eu-central-1:123456789012:stack/Shop/guid',
    RequestId: 'unique id for this request',
    ResourceType: 'Custom::TidemarkTopic',
    LogicalResourceId: 'Orders',
    ResourceProperties: {
      ServiceToken: 'arn:aws:lambda:eu-central-1:123456789012:function:admin',
      ...properties,
    },
    ...more,
  } as CloudFormationCustomResourceEvent
}

async function send(event: unknown, remainingMs = 20_000): Promise<SentAnswer['body']> {
  await call(event, contextOf(remainingMs))
  return answers.at(-1)!.body
}

const ORDERS = {
  topic: 'orders',
  partitions: '4',
  configs: { 'retention.ms': '604800000' },
  removal: 'retain',
}

async function describeOrders() {
  const { partitions, configs } = await openBroker(service).describeTopic('orders')
  return {
    partitions,
    set: Object.fromEntries(configs.filter(c => !c.isDefault).map(c => [c.name, c.value])),
  }
}

describe('creating', () => {
  test('makes the topic, and answers as CloudFormation wants it', async () => {
    await send(resourceEvent('Create', ORDERS))
    expect(answers).toEqual([
      {
        method: 'PUT',
        // The URL is signed for none.
        contentType: '',
        contentLength: expect.stringMatching(/^\d+$/),
        body: {
          Status: 'SUCCESS',
          PhysicalResourceId: 'orders',
          StackId: 'arn:aws:cloudformation:eu-central-1:123456789012:stack/Shop/guid',
          RequestId: 'unique id for this request',
          LogicalResourceId: 'Orders',
        },
      },
    ])
    expect(await describeOrders()).toEqual({ partitions: 4, set: { 'retention.ms': '604800000' } })
  })

  test('adopts a topic that has as many partitions, with the configs of the template', async () => {
    await openBroker(service).createTopic({ topic: 'orders', partitions: 4, configs: { 'flush.ms': '1000' } })
    expect(await send(resourceEvent('Create', ORDERS))).toMatchObject({
      Status: 'SUCCESS',
      PhysicalResourceId: 'orders',
    })
    expect(await describeOrders()).toEqual({
      partitions: 4,
      set: { 'retention.ms': '604800000', 'flush.ms': '1000' },
    })
  })

  test('does not adopt one that has another number, and the deletion that follows leaves it alone', async () => {
    await openBroker(service).createTopic({ topic: 'orders', partitions: 2 })
    const failed = await send(resourceEvent('Create', { ...ORDERS, removal: 'delete' }))
    expect(failed.Status).toBe('FAILED')
    expect(failed.Reason).toContain('2 partitions and not 4')
    const { PhysicalResourceId } = failed
    const deletion = resourceEvent('Delete', { ...ORDERS, removal: 'delete' }, { PhysicalResourceId })
    expect(await send(deletion)).toMatchObject({ Status: 'SUCCESS' })
    expect((await describeOrders()).partitions).toBe(2)
  })
})

test('what could not be created can be deleted, whatever its properties are', async () => {
  const failed = await send(resourceEvent('Create', { topic: 7 }))
  expect(failed.Status).toBe('FAILED')
  const { PhysicalResourceId } = failed
  expect(await send(resourceEvent('Delete', { topic: 7 }, { PhysicalResourceId }))).toMatchObject({
    Status: 'SUCCESS',
    PhysicalResourceId,
  })
})

describe('updating', () => {
  beforeEach(async () => {
    await send(resourceEvent('Create', ORDERS))
  })

  const update = (properties: object, old: object = ORDERS) =>
    send(
      resourceEvent('Update', properties, {
        PhysicalResourceId: 'orders',
        OldResourceProperties: { ServiceToken: 'x', ...old },
      }),
    )

  test('adds partitions and changes configs; what the template no longer names goes back', async () => {
    await openBroker(service).alterTopic({ topic: 'orders', set: { 'flush.ms': '1000' } })
    const answer = await update({ ...ORDERS, partitions: '8', configs: { 'max.message.bytes': '2000000' } })
    expect(answer).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'orders' })
    expect(await describeOrders()).toEqual({
      partitions: 8,
      // Set by other means, so not the template's to take back.
      set: { 'max.message.bytes': '2000000', 'flush.ms': '1000' },
    })
  })

  test('that changes nothing is fine', async () => {
    expect((await update(ORDERS)).Status).toBe('SUCCESS')
    expect((await describeOrders()).partitions).toBe(4)
  })

  test('cannot take partitions away, and says what to do', async () => {
    const answer = await update({ ...ORDERS, partitions: '2' })
    expect(answer).toMatchObject({ Status: 'FAILED', PhysicalResourceId: 'orders' })
    expect(answer.Reason).toMatch(/can only grow.*rollback/)
    expect((await describeOrders()).partitions).toBe(4)
  })

  test('to another name makes another topic, whose id makes CloudFormation delete the old one', async () => {
    expect(await update({ ...ORDERS, topic: 'sales' })).toMatchObject({
      Status: 'SUCCESS',
      PhysicalResourceId: 'sales',
    })
    expect((await openBroker(service).listTopics()).map(({ topic }) => topic)).toEqual(['orders', 'sales'])
  })

  test('that fails keeps the resource what it was', async () => {
    const answer = await update({ ...ORDERS, topic: 'not a name' })
    expect(answer).toMatchObject({ Status: 'FAILED', PhysicalResourceId: 'orders' })
  })
})

describe('deleting', () => {
  beforeEach(async () => {
    await send(resourceEvent('Create', ORDERS))
  })

  test('keeps a topic that is to be retained', async () => {
    const answer = await send(resourceEvent('Delete', ORDERS, { PhysicalResourceId: 'orders' }))
    expect(answer).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'orders' })
    expect((await describeOrders()).partitions).toBe(4)
  })

  test('deletes one that is to go, and is fine when it is gone', async () => {
    const event = resourceEvent('Delete', { ...ORDERS, removal: 'delete' }, { PhysicalResourceId: 'orders' })
    expect((await send(event)).Status).toBe('SUCCESS')
    expect(await openBroker(service).listTopics()).toEqual([])
    expect((await send(event)).Status).toBe('SUCCESS')
  })

  test('deletes by its id, after a renaming the old topic', async () => {
    await send(resourceEvent('Create', { ...ORDERS, topic: 'sales' }))
    await send(
      resourceEvent(
        'Delete',
        { ...ORDERS, topic: 'sales', removal: 'delete' },
        { PhysicalResourceId: 'orders' },
      ),
    )
    expect((await openBroker(service).listTopics()).map(({ topic }) => topic)).toEqual(['sales'])
  })
})

describe('whatever comes is answered', () => {
  test.each([
    ['no properties', {}],
    ['partitions that are no number', { ...ORDERS, partitions: 'four' }],
    ['partitions below 1', { ...ORDERS, partitions: '0' }],
    ['a name that Kafka would not take', { ...ORDERS, topic: 'a/b' }],
    ['a config that is not known', { ...ORDERS, configs: { nonsense: '1' } }],
    ['an unknown removal', { ...ORDERS, removal: 'maybe' }],
  ])('%s', async (_, properties) => {
    const answer = await send(resourceEvent('Create', properties))
    expect(answer).toMatchObject({ Status: 'FAILED', RequestId: 'unique id for this request' })
    expect(answer.Reason?.length).toBeGreaterThan(20)
    expect(service.telemetry.sum('Errors')).toBe(1)
  })

  test('an unknown kind of request', async () => {
    const event = { ...resourceEvent('Create', ORDERS), RequestType: 'Migrate' }
    expect(await send(event)).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('Migrate') })
  })

  test('a reason of any length', async () => {
    const answer = await send(resourceEvent('Create', { ...ORDERS, configs: { ['x'.repeat(10_000)]: '1' } }))
    expect(answer.Status).toBe('FAILED')
    expect(JSON.stringify(answer).length).toBeLessThan(4_096)
  })

  test('a store that does not answer in time', async () => {
    service.ports.topics.get = () => new Promise(() => {})
    const answer = await send(resourceEvent('Create', ORDERS), 9_050)
    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('in time') })
  })

  test('a trigger that may yet be made is told of under its id, so that its deletion removes it', async () => {
    service.ports.triggers.putTrigger = () => new Promise(() => {})
    await openBroker(service).createTopic({ topic: 'orders' })
    const properties = { groupId: 'shipping', topic: 'orders', target: 'a function', settings: '{}' }
    const event = resourceEvent('Create', properties, { ResourceType: 'Custom::TidemarkTrigger' })
    const answer = await send(event, 9_500)
    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('in time') })
    expect(answer.PhysicalResourceId).toBe(triggerIdIn(event))
  })

  test('although the address fails at first', async () => {
    statuses = [500, 503]
    expect((await send(resourceEvent('Create', ORDERS))).Status).toBe('SUCCESS')
    expect(answers).toHaveLength(3)
  })

  test('and where it cannot be, the invocation fails, so that Lambda repeats it', async () => {
    statuses = [500, 500, 500]
    await expect(call(resourceEvent('Create', ORDERS), contextOf())).rejects.toThrow('500')
    expect((await send(resourceEvent('Create', ORDERS))).Status).toBe('SUCCESS')
  })
})

test('the same function serves topics over HTTP, and describes the whole API', async () => {
  const http = async (event: unknown) => decoded((await call(event, contextOf()))!)
  const created = await http({
    method: 'POST',
    path: '/topics',
    headers: { 'content-type': 'application/json' },
    body: '{"topic":"orders","partitions":2}',
  })
  expect([created.status, created.headers.location]).toEqual([201, '/topics/orders'])
  expect((await http({ method: 'GET', path: '/topics' })).json.topics).toMatchObject([{ topic: 'orders' }])
  expect((await http({ method: 'DELETE', path: '/topics/orders' })).status).toBe(204)
  const { json } = await http({ method: 'GET', path: '/openapi.json' })
  expect(Object.keys(json.paths)).toEqual(
    expect.arrayContaining(['/topics', '/topics/{topic}/records', '/health']),
  )
})
