import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openBroker } from '../../functions/runtime/open-broker.ts'
import { withCallFault, withTestFault } from '../../functions/runtime/test-fault.ts'
import type { LogBroker } from '../../src/broker/log-broker.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import type { CallOutcome } from '../../src/ports/function-caller.ts'
import { openTestService, type TestService } from './function-service.ts'

const marks: string[] = []

afterEach(() => {
  for (const mark of marks.splice(0)) rmSync(join(tmpdir(), mark), { force: true })
})

interface Faulty {
  readonly service: TestService
  readonly broker: LogBroker
  /** What was done at each death. */
  readonly deaths: { objects: number; endOffset: number }[]
}

/** A broker whose process would die; instead of that, the store is looked at. */
async function openFaulty(point: string, token = randomUUID()): Promise<Faulty> {
  marks.push(`tidemark-test-fault-${point}-${token}`)
  const service = openTestService()
  const deaths: Faulty['deaths'] = []
  const { topicId } = await openBroker(service).createTopic({ topic: 'tides' })
  const pending: Promise<void>[] = []
  const ports = withTestFault(service.ports, `${point}:${token}`, service.telemetry, () => {
    pending.push(
      (async () => {
        let objects = 0
        for await (const _ of service.ports.objects.list()) objects += 1
        const head = await service.ports.index.readHead({ topicId, partition: 0 })
        deaths.push({ objects, endOffset: head!.nextOffset })
      })(),
    )
  })
  return { service, broker: openBroker({ ...service, ports }), deaths }
}

async function produceLarge(broker: LogBroker): Promise<void> {
  const batches = encodeBatch([{ value: Buffer.alloc(10_000) }], { nowMs: Date.now() })
  await broker.produce({ topic: 'tides', partition: 0, batches })
}

describe('a process that is to die', () => {
  test('after a put dies when the object is there and nothing refers to it', async () => {
    const { broker, deaths } = await openFaulty('after-put')
    await produceLarge(broker)
    expect(deaths).toEqual([{ objects: 1, endOffset: 0 }])
  })

  test('after a commit dies when the records are in the log', async () => {
    const { broker, deaths } = await openFaulty('after-commit')
    await produceLarge(broker)
    expect(deaths).toEqual([{ objects: 1, endOffset: 1 }])
  })

  test('after a call dies when the function has answered, and not when it has failed', async () => {
    const token = randomUUID()
    marks.push(`tidemark-test-fault-after-call-${token}`)
    const { ports, telemetry } = openTestService()
    const call = { requestId: '', executedVersion: '', functionError: null }
    const outcomes: CallOutcome[] = [
      { kind: 'failed', error: 'no', call },
      { kind: 'answered', answer: null, call },
    ]
    let deaths = 0
    const functions = { call: async () => outcomes.shift()! }
    const faulty = withCallFault(functions, `after-call:${token}`, telemetry, () => {
      deaths += 1
    })
    await faulty.call('ship', '{}', 1)
    expect(deaths).toBe(0)
    await faulty.call('ship', '{}', 1)
    expect(deaths).toBe(1)
    // The stores do not die of it, nor calls of what kills stores.
    expect(withTestFault(ports, `after-call:${token}`, telemetry)).toBe(ports)
    expect(withCallFault(functions, `after-put:${token}`, telemetry)).toBe(functions)
  })

  test('dies once for each token, whoever starts it again', async () => {
    const token = randomUUID()
    const first = await openFaulty('after-commit', token)
    await produceLarge(first.broker)
    await produceLarge(first.broker)
    const second = await openFaulty('after-commit', token)
    await produceLarge(second.broker)
    expect([first.deaths.length, second.deaths.length]).toEqual([1, 0])
  })

  test('says so loudly, when it starts and when it dies', async () => {
    const { service, broker } = await openFaulty('after-put')
    await produceLarge(broker)
    expect(
      service.telemetry.logged.map(({ level, message }) => [level, message.includes('TIDEMARK_TEST_FAULT')]),
    ).toEqual([
      ['warn', true],
      ['error', true],
    ])
  })
})

test.each(['', 'before-put', 'after-put:../../x', 'after-commit:a b'])('there is no fault %j', fault => {
  const { ports, telemetry } = openTestService()
  expect(() => withTestFault(ports, fault, telemetry)).toThrow(RangeError)
})
