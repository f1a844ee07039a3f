import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import type { Trigger } from '../../../src/core/trigger/trigger.ts'
import type { CallOutcome, FunctionCaller } from '../../../src/ports/function-caller.ts'
import type { ProcessFaults } from '../random-faults.ts'
import type { SleepyProcess } from '../sleepy-process.ts'
import type { World } from '../world.ts'

export const POISON = 'poison'

interface SeenRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: string
}

/** A trigger's function, which throws on poison until it is mended, and now and then for no reason. */
export class SimulatedFunction {
  readonly #trigger: Trigger
  readonly #topicId: string
  readonly #world: World
  isMended = false
  isReliable = false

  constructor(trigger: Trigger, topicId: string, world: World) {
    this.#trigger = trigger
    this.#topicId = topicId
    this.#world = world
  }

  /** The function as a process calls it, which may die meanwhile: the function goes on. */
  calledFrom(process: SleepyProcess, faults: ProcessFaults): FunctionCaller {
    const call: FunctionCaller['call'] = async (_, event, timeoutMs) => {
      faults.about(`call ${this.#trigger.target}`)
      const fault = faults.nextFault(true)
      await this.#world.clock.sleep(faults.nextDelayMs(fault))
      if (fault === 'crash before') process.kill()
      if (fault === 'refused') return notCalled('throttled')
      if (fault === 'lost request') return notCalled('unreachable')
      const outcome = await this.#run(event, timeoutMs, fault === 'lost answer' || fault === 'late')
      if (fault === 'crash after') process.kill()
      return outcome
    }
    return { call: (...args) => process.receive(call(...args)) }
  }

  async #run(event: string, timeoutMs: number, isAnswerLost: boolean): Promise<CallOutcome> {
    const { groupId, settings } = this.#trigger
    const { records } = JSON.parse(event) as { records: Record<string, SeenRecord[]> }
    const batch = Object.values(records).flat()
    const partition: PartitionId = { topicId: this.#topicId, partition: batch[0]!.partition }
    const offsets = batch.map(({ offset }) => offset)
    this.#world.delivery.called(groupId, partition, offsets, this.#world.clock.monotonicMs())
    const draw = this.isReliable ? 1 : this.#world.random.fraction()
    const isTooSlow = draw < 0.04
    await this.#world.clock.sleep(isTooSlow ? timeoutMs : this.#world.random.integer(5, 1_500))
    const poisoned = batch.filter(({ value }) => this.#isPoison(value))
    const [first] = draw > 0.04 && draw < 0.08 ? batch.slice(-1) : poisoned
    if (!first && !isTooSlow && !isAnswerLost) {
      this.#world.delivery.succeeded(groupId, partition, offsets)
      return answered(this.#world.random.pick([null, undefined, {}, { batchItemFailures: [] }]))
    }
    if (first && settings.reportBatchItemFailures && !isTooSlow && !isAnswerLost && draw > 0.3) {
      const done = offsets.filter(offset => offset < first.offset)
      this.#world.delivery.succeeded(groupId, partition, done)
      this.#world.delivery.failed(groupId, partition, offsets.slice(done.length))
      return answered({ batchItemFailures: [{ itemIdentifier: `${first.offset}` }] })
    }
    this.#world.delivery.failed(groupId, partition, offsets)
    const error = isTooSlow ? 'Task timed out' : 'Error: thrown in the simulation'
    const call = { requestId: 'simulated', executedVersion: '$LATEST', functionError: 'Unhandled' }
    return { kind: 'failed', error, call }
  }

  #isPoison(value: string): boolean {
    return !this.isMended && Buffer.from(value, 'base64').toString().startsWith(POISON)
  }
}

function answered(answer: unknown): CallOutcome {
  const call = { requestId: 'simulated', executedVersion: '$LATEST', functionError: null }
  return { kind: 'answered', answer, call }
}

function notCalled(reason: 'throttled' | 'unreachable'): CallOutcome {
  return { kind: 'not-called', reason, error: 'refused by the simulation' }
}
