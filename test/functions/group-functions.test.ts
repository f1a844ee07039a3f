import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import { REBALANCE_ROUTES } from '../../functions/rebalance/routes.ts'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { Triggers } from '../../src/broker/triggers/triggers.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import type { Heartbeat } from '../../src/contract/groups.ts'
import { caller, openTestService } from './function-service.ts'

let server: Server

afterEach(() => server.close())

/** What stands before functions on AWS: an HTTP API decodes the path and cuts it off at a question mark, a function URL does not. */
async function startGateway(
  kind: 'http api' | 'function url',
  service = openTestService(),
): Promise<HttpBroker> {
  await openBroker(service).createTopic({ topic: 'tides', partitions: 2 })
  const call = caller(service, REBALANCE_ROUTES)
  server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url!, 'http://gateway')
    const body = (await buffer(request)).toString()
    const event = {
      version: '2.0',
      rawPath: kind === 'http api' ? decodeURIComponent(pathname).split('?')[0] : pathname,
      rawQueryString: search.slice(1),
      headers: request.headers,
      requestContext: { http: { method: request.method } },
      body,
    }
    const { status, headers, bytes } = await call(event)
    response.writeHead(status, headers).end(bytes)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new HttpBroker({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

test('heartbeats come seldom, since each is paid for, and in time all the same', async () => {
  const broker = await startGateway('http api')
  const beat = async (memberId: string, sessionTimeoutMs?: number) => {
    const join = { groupId: 'readers', memberId, memberEpoch: 0, topics: ['tides'], owned: [] }
    // A second one would have to wait for the first.
    const answer = await broker.heartbeat({ ...join, ...(sessionTimeoutMs && { sessionTimeoutMs }) })
    await broker.leaveGroup({ groupId: 'readers', memberId })
    return answer.heartbeatIntervalMs
  }
  expect([await beat('usual'), await beat('short', 6_000), await beat('long', 1_800_000)]).toEqual([
    15_000, 2_000, 15_000,
  ])
})

describe.each(['http api', 'function url'] as const)('behind an %s', kind => {
  const names = [
    'plain',
    'a/b',
    'a b',
    'a#b',
    'what?',
    '50%',
    '%2e%2e',
    'per%2Fcent',
    '~2F',
    'back\\slash',
    'ümläut 🌊',
  ]

  test.each(names)('a group is %j, and so is a member', async groupId => {
    const broker = await startGateway(kind)
    const join: Heartbeat = { groupId, memberId: groupId, memberEpoch: 0, topics: ['tides'], owned: [] }
    const { assigned } = await broker.heartbeat(join)
    expect(assigned).toHaveLength(2)
    expect(await broker.listGroups()).toMatchObject([{ groupId, members: 1 }])
    expect(await broker.describeGroup(groupId)).toMatchObject({
      groupId,
      memberList: [{ memberId: groupId }],
    })
    expect(await broker.fetchOffsets({ groupId })).toEqual([])
    await broker.leaveGroup({ groupId, memberId: groupId })
    await broker.deleteGroup(groupId)
    expect(await broker.listGroups()).toEqual([])
  })

  test.each(names)('the trigger of a group %j is paused and resumed', async groupId => {
    const service = openTestService()
    const broker = await startGateway(kind, service)
    const triggers = new Triggers(
      service.ports,
      new TopicDirectory(service.ports.topics, service.ports.clock),
    )
    const name = { groupId, topic: 'tides' }
    await triggers.put({ ...name, target: 'a function', settings: {} })
    expect(await broker.listTriggers()).toMatchObject([{ ...name, state: 'active' }])
    expect(await broker.pauseTrigger(name)).toMatchObject({ ...name, state: 'paused' })
    expect(await broker.resumeTrigger(name)).toMatchObject({ ...name, state: 'active' })
  })
})
