import type { Broker } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { TRIGGER_BLOCKED_PAUSE_MS, TRIGGER_CACHE_MS, TRIGGER_STORE_PAUSE_MS } from '../../../core/limits.ts'
import { triggerOwner, type WakeUp } from '../../../core/trigger/trigger.ts'
import type { FailureDestinations } from '../../../ports/failure-destinations.ts'
import type { FunctionCaller } from '../../../ports/function-caller.ts'
import type { Ports } from '../../../ports/index.ts'
import { GroupCall } from '../../groups/group-call.ts'
import { hasPartition, type TopicDirectory } from '../../topics/topic-directory.ts'
import { DeliveryRun } from './delivery-run.ts'
import { KnownTriggers } from './known-triggers.ts'
import { PartitionClaim } from './partition-claim.ts'

/** All that delivering needs from outside. */
export interface DeliveryPorts extends Ports {
  readonly functions: FunctionCaller
  readonly failures: FailureDestinations
}

export interface DeliverySettings {
  /** What events name as the cluster that they come from. */
  readonly bootstrapServers: string
  /**
   * For how long a delivery that is under way takes its trigger to be as it was; TRIGGER_CACHE_MS unless set. Each one
   * begins by reading it.
   */
  readonly triggerCacheMs?: number
}

export interface DeliverOptions {
  /** By when to have ended: milliseconds since the epoch. No call begins that could last longer, but for the first. */
  readonly deadlineMs: number
  /** Since when records have waited, for the batching window: milliseconds since the epoch. */
  readonly sentMs: number
  /** Before each call of the function: says that nobody else is to take this wake-up on for so long. */
  readonly beforeCall?: (timeoutMs: number) => Promise<void>
  /** Begins no further call. */
  readonly signal?: AbortSignal
}

/** What a wake-up came to. */
export interface Delivered {
  /**
   * `caught-up`: everything that was there is dealt with. `again`: there is more; deliver the same wake-up in
   * `afterMs`, and meanwhile no other one of its lane. `dropped`: nothing is to be delivered.
   */
  readonly outcome: 'caught-up' | 'again' | 'dropped'
  readonly afterMs: number
  /**
   * Of `again`, where its turn is over: its lane, in which a wake-up for the same is to be put behind the others, in
   * place of this one. As the first of its lane it would keep the others from ever having a turn.
   */
  readonly lane?: number
  /** Why, in a sentence; '' where it has caught up. */
  readonly reason: string
  /** Records that the function has dealt with. */
  readonly records: number
  readonly calls: number
  readonly failedCalls: number
  readonly givenUp: number
}

const NOTHING = { records: 0, calls: 0, failedCalls: 0, givenUp: 0 }

/**
 * Delivers a partition's records to a trigger's function, from what its group has committed. It keeps nothing that is
 * not in the store: whoever is woken next goes on where the last one ended, or died.
 */
export class Delivery {
  readonly #ports: DeliveryPorts
  readonly #broker: Pick<Broker, 'fetch'>
  readonly #directory: TopicDirectory
  readonly #settings: Required<DeliverySettings>
  readonly #triggers = new KnownTriggers()

  constructor(
    ports: DeliveryPorts,
    broker: Pick<Broker, 'fetch'>,
    directory: TopicDirectory,
    settings: DeliverySettings,
  ) {
    this.#ports = ports
    this.#broker = broker
    this.#directory = directory
    this.#settings = { triggerCacheMs: TRIGGER_CACHE_MS, ...settings }
  }

  /**
   * Works on one wake-up. Two of one partition must not be worked on at the same time; where they are, records are
   * repeated, and nothing is lost. A store's trouble is an outcome, too.
   */
  async deliver(wakeUp: WakeUp, options: DeliverOptions): Promise<Delivered> {
    const counts = { ...NOTHING }
    try {
      return { ...(await this.#deliver(wakeUp, options, counts)), ...counts }
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      return { ...this.#onTrouble(error), ...counts }
    }
  }

  async #deliver(
    wakeUp: WakeUp,
    options: DeliverOptions,
    counts: { records: number; calls: number; failedCalls: number; givenUp: number },
  ): Promise<Pick<Delivered, 'outcome' | 'afterMs' | 'lane' | 'reason'>> {
    const { groupId, topic, triggerId, partition } = wakeUp
    const startCall = () => new GroupCall(this.#ports, this.#directory, groupId)
    const call = startCall()
    if (!(await call.read(() => this.#isThere(wakeUp)))) {
      return dropped(`the topic "${topic}" of that time is gone`)
    }
    const [known, claim] = await Promise.all([
      this.#triggers.read(call, topic),
      call.read(() => call.groups.readClaim(groupId, partition)),
    ])
    if (known?.trigger.triggerId !== triggerId) return dropped('the trigger is gone')
    if (known.trigger.state !== 'active') return dropped('the trigger is paused')

    const owned = new PartitionClaim(startCall, partition, triggerOwner(triggerId))
    const standing = await owned.take({ claim })
    if (!standing) {
      const reason =
        'a member of the group owns the partition: stop it, since a trigger has its group for itself'
      return { outcome: 'again', afterMs: TRIGGER_BLOCKED_PAUSE_MS, reason }
    }
    const parts = {
      ...this.#settings,
      ports: this.#ports,
      broker: this.#broker,
      triggers: this.#triggers,
      claim: owned,
      startCall,
    }
    return await new DeliveryRun(parts, known, partition, options, counts).run(standing)
  }

  /** Whether the topic is still the one that the wake-up is for; one made anew under its name has wake-ups of its own. */
  async #isThere({ topic, partition: { topicId, partition } }: WakeUp): Promise<boolean> {
    try {
      let found = await this.#directory.resolve(topic)
      if (found.topicId !== topicId || !hasPartition(found, partition)) {
        found = await this.#directory.refresh(topic)
      }
      return found.topicId === topicId && hasPartition(found, partition)
    } catch (error) {
      if (error instanceof TidemarkError && error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION') return false
      throw error
    }
  }

  #onTrouble({
    kafkaName,
    message,
    retriable,
  }: TidemarkError): Pick<Delivered, 'outcome' | 'afterMs' | 'reason'> {
    if (kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION') return dropped(message)
    const longestMs = retriable ? TRIGGER_STORE_PAUSE_MS : TRIGGER_BLOCKED_PAUSE_MS
    const afterMs = Math.ceil(longestMs * (1 - this.#ports.entropy.fraction() / 2))
    return { outcome: 'again', afterMs, reason: `${kafkaName}: ${message}` }
  }
}

function dropped(reason: string): Pick<Delivered, 'outcome' | 'afterMs' | 'reason'> {
  return { outcome: 'dropped', afterMs: 0, reason }
}
