import type { AlterTopic, Broker, CallOptions, CreateTopic, TopicDescription } from '../contract/broker.ts'
import type { GroupBroker } from '../contract/groups.ts'
import type { TransactionBroker } from '../contract/transactions.ts'
import type { TriggerBroker } from '../contract/triggers.ts'
import { TidemarkError } from '../core/errors.ts'
import { type RetrySettings, withRetries } from './retry.ts'

type AnyBroker = Broker & GroupBroker & Partial<TransactionBroker> & Partial<TriggerBroker>
type CallName = keyof (Broker & GroupBroker & TransactionBroker & TriggerBroker)
type Call = (...given: unknown[]) => Promise<unknown>

/** Calls that change nothing. */
const READS: readonly CallName[] = [
  'listTopics',
  'describeTopic',
  'offsetFor',
  'fetchOffsets',
  'listGroups',
  'describeGroup',
  'listTriggers',
  'listTransactions',
  'describeTransaction',
]

/** Calls that leave the same behind however often they are made. */
const REPEATABLE: readonly CallName[] = [
  'deleteRecords',
  'commitOffsets',
  'pauseTrigger',
  'resumeTrigger',
  'abortTransaction',
]

/** What a repetition is told of something that the try before has deleted. */
const DELETIONS: ReadonlyMap<CallName, TidemarkError['kafkaName']> = new Map([
  ['deleteGroup', 'GROUP_ID_NOT_FOUND'],
  ['deleteTrigger', 'GROUP_ID_NOT_FOUND'],
])

/**
 * A broker whose calls are made again within their time where that does no harm: a request that a network swallows fails
 * nobody. What is produced, fetched or told by a heartbeat is passed on as it is, since whoever sends that has a way of
 * its own to repeat it; so is every call that comes with a signal.
 */
export function patientBroker<B extends AnyBroker>(broker: B, settings: RetrySettings): B {
  const calls = new Map<string | symbol, Call>()
  for (const name of READS) calls.set(name, patiently(broker, name, { ...settings, isRead: true }))
  const repeating = { ...settings, isRepeatable: true }
  for (const name of REPEATABLE) calls.set(name, patiently(broker, name, repeating))
  for (const [name, gone] of DELETIONS) calls.set(name, deletion(broker, name, gone, settings))
  const repetitions = new Repetitions(broker, repeating)
  calls.set('createTopic', request => repetitions.createTopic(request as CreateTopic))
  calls.set('alterTopic', request => repetitions.alterTopic(request as AlterTopic))
  calls.set('deleteTopic', topic => repetitions.deleteTopic(topic as string))
  return new Proxy(broker, {
    get(target, name) {
      const patient = calls.get(name)
      const plain: unknown = Reflect.get(target, name)
      if (typeof plain !== 'function') return plain
      return (...given: unknown[]) =>
        patient && !hasSignal(given.at(-1)) ? patient(...given) : plain.apply(target, given)
    },
  })
}

function hasSignal(given: unknown): boolean {
  return typeof given === 'object' && given !== null && 'signal' in given
}

function patiently(broker: AnyBroker, name: CallName, settings: RetrySettings): Call {
  return (...given) => withRetries(call => callOf(broker, name)(...given, call), settings)
}

function deletion(
  broker: AnyBroker,
  name: CallName,
  gone: TidemarkError['kafkaName'],
  settings: RetrySettings,
): Call {
  return async given => {
    const tries = new UnsureTries()
    try {
      await withRetries(
        tries.watch(call => callOf(broker, name)(given, call)),
        {
          ...settings,
          isRepeatable: true,
        },
      )
    } catch (error) {
      if (!tries.mayBeWhy(error, gone)) throw error
    }
  }
}

function callOf(broker: AnyBroker, name: CallName): Call {
  const call = broker[name] as Call
  return call.bind(broker)
}

/** Whether a try may have done what another one finds done. */
class UnsureTries {
  #isUnsure = false

  watch<T>(action: (call: CallOptions) => Promise<T>): (call: CallOptions) => Promise<T> {
    return async call => {
      try {
        return await action(call)
      } catch (error) {
        if (error instanceof TidemarkError && error.written === 'unknown') this.#isUnsure = true
        throw error
      }
    }
  }

  mayBeWhy(error: unknown, name: TidemarkError['kafkaName']): boolean {
    return this.#isUnsure && error instanceof TidemarkError && error.kafkaName === name
  }
}

/** What changes topics, made again: a repetition is refused for what the try before has done. */
class Repetitions {
  readonly #broker: AnyBroker
  readonly #settings: RetrySettings

  constructor(broker: AnyBroker, settings: RetrySettings) {
    this.#broker = broker
    this.#settings = settings
  }

  async createTopic(request: CreateTopic): Promise<TopicDescription> {
    const tries = new UnsureTries()
    try {
      return await this.#insist(tries.watch(call => this.#broker.createTopic(request, call)))
    } catch (error) {
      if (!tries.mayBeWhy(error, 'TOPIC_ALREADY_EXISTS')) throw error
      const made = await this.#describe(request.topic)
      if (made.partitions !== (request.partitions ?? 1)) throw error
      return made
    }
  }

  async alterTopic({ partitions, ...change }: AlterTopic): Promise<TopicDescription> {
    const tries = new UnsureTries()
    const request = { ...change, ...(partitions !== undefined && { partitions }) }
    try {
      return await this.#insist(tries.watch(call => this.#broker.alterTopic(request, call)))
    } catch (error) {
      // A change applies whole: with as many partitions as it was to have, it has the configs, too.
      if (!tries.mayBeWhy(error, 'INVALID_PARTITIONS')) throw error
      const altered = await this.#describe(request.topic)
      if (altered.partitions !== partitions) throw error
      return altered
    }
  }

  /** Never one that somebody has made under the same name meanwhile. */
  async deleteTopic(topic: string): Promise<void> {
    const { topicId } = await this.#describe(topic)
    let isAgain = false
    await this.#insist(async call => {
      if (isAgain && !(await this.#isThere(topic, topicId, call))) return
      isAgain = true
      await this.#broker.deleteTopic(topic, call)
    })
  }

  async #isThere(topic: string, topicId: string, call: CallOptions): Promise<boolean> {
    const topics = await this.#broker.listTopics(call)
    return topics.some(other => other.topic === topic && other.topicId === topicId)
  }

  #describe(topic: string): Promise<TopicDescription> {
    return withRetries(call => this.#broker.describeTopic(topic, call), { ...this.#settings, isRead: true })
  }

  #insist<T>(action: (call: CallOptions) => Promise<T>): Promise<T> {
    return withRetries(action, this.#settings)
  }
}
