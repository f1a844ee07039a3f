import { afterAll, beforeAll, expect, test } from 'vitest'
import { groupItemKey, listedItemKey } from '../../../src/adapters/aws/items/group.ts'
import { makeTableClients } from '../../../src/adapters/aws/table/aws-table.ts'
import { dynamoGroupStore } from '../../../src/adapters/aws/table/dynamo-group-store.ts'
import { DynamoTable } from '../../../src/adapters/aws/table/dynamo-table.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import { describeDynamoDbLocal, dynamoDbLocalEndpoint } from '../../aws/endpoints.ts'
import { createTestTable, PATIENT } from '../../aws/tables.ts'
import { freshId } from '../../conformance/samples.ts'

type TableClients = ReturnType<typeof makeTableClients>

describeDynamoDbLocal('a group that is made and removed at the same time:', () => {
  let clients: TableClients
  let dynamo: DynamoTable
  let groups: GroupStore
  let table: Awaited<ReturnType<typeof createTestTable>>

  beforeAll(async () => {
    table = await createTestTable(dynamoDbLocalEndpoint())
    clients = makeTableClients({ endpoint: dynamoDbLocalEndpoint() })
    dynamo = new DynamoTable(clients, table.table, PATIENT)
    groups = dynamoGroupStore(dynamo)
  })
  afterAll(async () => {
    clients.close()
    await table.remove()
  })

  /**
   * Every order in which the requests of one that makes a group and of one that removes it can reach the table, with
   * either of them dying at any request.
   */
  test('it is listed if it is there, whatever the order of the requests', async () => {
    const orders = interleavings(CREATION_STEPS_MAX, REMOVAL_STEPS_MAX)
    expect(orders.length).toBe(251)
    let met = 0
    for (let from = 0; from < orders.length; from += 25) {
      const some = await Promise.all(orders.slice(from, from + 25).map(meet))
      met += some.filter(isOwn => isOwn).length
    }
    expect(met).toBe(131)
  }, 600_000)

  test('who was slow to list a group does not vouch for one that was made anew', async () => {
    const groupId = `race-${freshId()}`
    const slow = stepThrough(store => store.createGroup(groupId, 'range'))
    // It looked, made the group and listed it.
    for (let step = 0; step < 3; step += 1) await slow.step()
    await groups.removeGroup(groupId)
    const dying = stepThrough(store => store.createGroup(groupId, 'range'))
    for (let step = 0; step < 2; step += 1) await dying.step()
    expect(await slow.step()).toBe(true)
    expect(slow.isDone()).toBe(true)
    expect(await standing(groupId)).toEqual({ isGroup: true, isListed: false })
    await groups.createGroup(groupId, 'range')
    expect(await standing(groupId)).toEqual({ isGroup: true, isListed: true })
  })

  /** Tells whether the order is one of its own. */
  async function meet(order: string): Promise<boolean> {
    const groupId = `race-${freshId()}`
    const creation = stepThrough(store => store.createGroup(groupId, 'range'))
    const removal = stepThrough(store => store.removeGroup(groupId))
    for (const who of order) {
      // A step that sends nothing: without it, this is another of the orders.
      if (!(await (who === 'c' ? creation : removal).step())) return false
    }
    const unlisted = { isGroup: true, isListed: false }
    if (creation.isDone()) expect({ order, ...(await standing(groupId)) }).not.toMatchObject(unlisted)
    // Whoever joins makes the group first. From then on it is listed, whatever died before.
    await groups.createGroup(groupId, 'range')
    expect({ order, ...(await standing(groupId)) }).toEqual({ order, isGroup: true, isListed: true })
    // And if the removal was only slow, and goes on after all of that.
    while (await removal.step());
    const last = { order, ...(await standing(groupId)) }
    expect(last).not.toMatchObject(unlisted)
    // What was made after its own item had gone is another group, and stays.
    const hasGone = [...order].filter(who => who === 'r').length >= 2
    if (hasGone) expect(last).toMatchObject({ isGroup: true })
    return true
  }

  function stepThrough(work: (store: GroupStore) => Promise<void>): Stepped {
    return stepByStep(clients, gated => work(dynamoGroupStore(new DynamoTable(gated, table.table, PATIENT))))
  }

  async function standing(groupId: string): Promise<{ isGroup: boolean; isListed: boolean }> {
    const [group, listed] = await Promise.all([
      dynamo.get(groupItemKey(groupId)),
      dynamo.get(listedItemKey(groupId)),
    ])
    return { isGroup: group !== undefined, isListed: listed !== undefined }
  }
})

const CREATION_STEPS_MAX = 4
const REMOVAL_STEPS_MAX = 4

/** Every sequence of at most so many c's and r's. */
function interleavings(creations: number, removals: number): string[] {
  const all: string[] = []
  const extend = (order: string, c: number, r: number) => {
    all.push(order)
    if (c < creations) extend(`${order}c`, c + 1, r)
    if (r < removals) extend(`${order}r`, c, r + 1)
  }
  extend('', 0, 0)
  return all
}

interface Stepped {
  /** Lets the next request through and waits for its answer; false: there is none. */
  step(): Promise<boolean>
  isDone(): boolean
}

/** Something done with clients whose requests wait until they are let through, one at a time. */
function stepByStep(clients: TableClients, work: (gated: TableClients) => Promise<void>): Stepped {
  let arrived = Promise.withResolvers<(() => void) | undefined>()
  let isDone = false
  const gate = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    arrived.resolve(resolve)
    return promise
  }
  const gated = (client: TableClients['once']) =>
    new Proxy(client, {
      get(target, name) {
        const method = Reflect.get(target, name)
        if (name !== 'send') return method
        return async (...call: unknown[]) => {
          await gate()
          return await method.apply(target, call)
        }
      },
    })
  const working = (async () => {
    await work({ ...clients, once: gated(clients.once), repeating: gated(clients.repeating) })
    isDone = true
  })()
  working.then(
    () => arrived.resolve(undefined),
    error => arrived.reject(error),
  )
  return {
    isDone: () => isDone,
    async step() {
      const letThrough = await arrived.promise
      if (!letThrough) return false
      arrived = Promise.withResolvers()
      letThrough()
      await arrived.promise
      return true
    },
  }
}
