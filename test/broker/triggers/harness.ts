import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import type { Delivered, DeliverOptions } from '../../../src/broker/triggers/delivering/delivered.ts'
import { Delivery } from '../../../src/broker/triggers/delivering/delivery.ts'
import { decodeProgress, type Progress } from '../../../src/core/trigger/progress.ts'
import { checkTriggerSettings } from '../../../src/core/trigger/settings.ts'
import type { Trigger, TriggerSettings } from '../../../src/core/trigger/trigger.ts'
import type { GivenUp } from '../../../src/ports/failure-destinations.ts'
import type { CallOutcome } from '../../../src/ports/function-caller.ts'
import { batchOf, Harness } from '../harness.ts'

export const GROUP = 'workers'
export const TOPIC = 'orders'
const TARGET = 'arn:aws:lambda:eu-central-1:123456789012:function:orders'

const DEFAULTS = checkTriggerSettings({})

interface Given extends Partial<Omit<Trigger, 'settings'>> {
  readonly settings?: Partial<TriggerSettings>
}

/** Puts a trigger into the store as it is, whatever there was. */
export async function putTrigger(harness: Harness, given: Given): Promise<Trigger> {
  const { groupId = GROUP, topic = TOPIC, settings, ...rest } = given
  const { triggers } = harness.plain
  const standing = await triggers.readTrigger(groupId, topic)
  const trigger: Trigger = {
    triggerId: standing?.triggerId ?? `id-${groupId}-${topic}`,
    groupId,
    topic,
    target: TARGET,
    state: 'active',
    createdMs: 0,
    ...rest,
    settings: { ...DEFAULTS, ...settings },
    version: (standing?.version ?? 0) + 1,
  }
  if (!(await triggers.putTrigger(trigger))) throw new Error('somebody else puts triggers')
  return trigger
}

/** The event as a function sees it, as far as the tests look at it. */
interface SeenEvent {
  readonly records: Readonly<Record<string, readonly { readonly offset: number; readonly value: string }[]>>
}

export function succeeded(answer?: unknown): CallOutcome {
  return {
    kind: 'answered',
    answer,
    call: { requestId: 'r-1', executedVersion: '$LATEST', functionError: null },
  }
}

export function threw(error = 'Error: no'): CallOutcome {
  return {
    kind: 'failed',
    error,
    call: { requestId: 'r-1', executedVersion: '$LATEST', functionError: 'Unhandled' },
  }
}

export const THROTTLED: CallOutcome = { kind: 'not-called', reason: 'throttled', error: 'Rate exceeded' }

/** A topic, a trigger on it, its function and its destination, over one store in memory. */
export class TriggerHarness {
  readonly harness = new Harness()
  readonly broker: LogBroker
  readonly directory: TopicDirectory
  /** The offsets of each call, in order. */
  readonly called: number[][] = []
  readonly events: string[] = []
  readonly given: GivenUp[] = []
  /** What the function does with these offsets. */
  answer: (offsets: readonly number[]) => CallOutcome | Promise<CallOutcome> = () => succeeded()
  /** What stands in the way of telling the destination. */
  destinationFails: () => Error | undefined = () => undefined
  trigger!: Trigger

  constructor() {
    this.broker = this.harness.open()
    this.directory = new TopicDirectory(this.harness.ports.topics, this.harness.clock)
  }

  static async open(settings: Partial<TriggerSettings> = {}, partitions = 1): Promise<TriggerHarness> {
    const opened = new TriggerHarness()
    await opened.run(opened.broker.createTopic({ topic: TOPIC, partitions }))
    opened.trigger = await putTrigger(opened.harness, { settings })
    return opened
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.harness.run(promise)
  }

  /** Alters the trigger, which is another version from then on. */
  async alter(given: Given): Promise<void> {
    const settings = { ...this.trigger.settings, ...given.settings }
    this.trigger = await putTrigger(this.harness, { ...given, settings })
  }

  async append(
    values: readonly string[],
    options: Parameters<typeof batchOf>[1] & { partition?: number } = {},
  ) {
    const { partition = 0, ...batch } = options
    return await this.run(this.broker.produce({ topic: TOPIC, partition, batches: batchOf(values, batch) }))
  }

  /** A deliverer of its own: what another one knows only from its memory, it does not. */
  newDelivery(): Delivery {
    const functions = {
      call: async (_: string, event: string) => {
        const { records } = JSON.parse(event) as SeenEvent
        const offsets = Object.values(records).flatMap(each => each.map(({ offset }) => offset))
        this.called.push(offsets)
        this.events.push(event)
        return await this.answer(offsets)
      },
    }
    const failures = {
      send: async (_: string, givenUp: GivenUp) => {
        const failure = this.destinationFails()
        if (failure) throw failure
        this.given.push(givenUp)
      },
    }
    const ports = { ...this.harness.ports, functions, failures }
    return new Delivery(ports, this.broker, this.directory, { bootstrapServers: 'tidemark.example:443' })
  }

  /** Works on one wake-up, by a deliverer that knows nothing. */
  async deliver(
    options: Partial<DeliverOptions> & { partition?: number; triggerId?: string } = {},
  ): Promise<Delivered> {
    const { partition = 0, triggerId = this.trigger.triggerId, ...rest } = options
    const id = await this.harness.partitionId(TOPIC, partition)
    const nowMs = this.harness.clock.nowMs()
    const deadlineMs = this.harness.clock.monotonicMs() + 840_000
    const wakeUp = { triggerId, groupId: GROUP, topic: TOPIC, partition: id }
    return await this.run(this.newDelivery().deliver(wakeUp, { deadlineMs, sentMs: nowMs, ...rest }))
  }

  /** Works on a wake-up for as long as it wants to come back, each time in its own time. */
  async deliverUntilDone(rounds = 100): Promise<Delivered> {
    for (let round = 0; round < rounds; round += 1) {
      const delivered = await this.deliver()
      if (delivered.outcome !== 'again') return delivered
      await this.harness.pass(delivered.afterMs)
    }
    throw new Error(`not done after ${rounds} rounds`)
  }

  async committed(partition = 0): Promise<{ offset: number; progress: Progress | null } | null> {
    const id = await this.harness.partitionId(TOPIC, partition)
    const claim = await this.harness.plain.groups.readClaim(GROUP, id)
    if (!claim?.committed) return null
    return { offset: claim.committed.offset, progress: decodeProgress(claim.committed.metadata) }
  }

  get givenUp(): number[][] {
    return this.given.map(({ records }) => records.map(({ offset }) => offset))
  }
}
