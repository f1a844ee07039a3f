import type { Broker } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { TRIGGER_BLOCKED_PAUSE_MS, TRIGGER_CACHE_MS, TRIGGER_STORE_PAUSE_MS } from '../../../core/limits.ts'
import { triggerOwner, type WakeUp } from '../../../core/trigger/trigger.ts'
import { unsetTime } from '../../../ports/clock.ts'
import { GroupCall } from '../../groups/group-call.ts'
import { LeaseWatch } from '../../groups/lease-watch.ts'
import { hasPartition, type Topic, type TopicDirectory } from '../../topics/topic-directory.ts'
import {
  again,
  type Counts,
  type Delivered,
  type DeliverOptions,
  type DeliveryPorts,
  type DeliverySettings,
  dropped,
  type Ended,
} from './delivered.ts'
import { DeliveryRun } from './delivery-run.ts'
import { KnownTriggers } from './known-triggers.ts'
import { PartitionClaim } from './partition-claim.ts'

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
  readonly #leases: LeaseWatch
  readonly #unsetMs: () => number

  constructor(
    ports: DeliveryPorts,
    broker: Pick<Broker, 'fetch'>,
    directory: TopicDirectory,
    settings: DeliverySettings,
  ) {
    this.#ports = ports
    this.#broker = broker
    this.#directory = directory
    this.#leases = new LeaseWatch(ports.clock)
    this.#unsetMs = unsetTime(ports.clock)
    this.#settings = { triggerCacheMs: TRIGGER_CACHE_MS, ...settings }
  }

  /**
   * Works on one wake-up. Two of one partition must not be worked on at the same time; where they are, records are
   * repeated, and nothing is lost. A store's trouble is an outcome, too.
   */
  async deliver(wakeUp: WakeUp, options: DeliverOptions): Promise<Delivered> {
    const counts: Counts = { records: 0, calls: 0, failedCalls: 0, givenUp: 0 }
    try {
      return { ...(await this.#deliver(wakeUp, options, counts)), ...counts }
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      return { ...this.#onTrouble(error), ...counts }
    }
  }

  async #deliver(wakeUp: WakeUp, options: DeliverOptions, counts: Counts): Promise<Ended> {
    const { groupId, topic, triggerId, partition } = wakeUp
    const startCall = () => new GroupCall(this.#ports, this.#directory, groupId, this.#leases)
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
      return again(
        TRIGGER_BLOCKED_PAUSE_MS,
        'a member of the group owns the partition: stop it, since a trigger has its group for itself',
      )
    }
    const parts = {
      ...this.#settings,
      ports: this.#ports,
      broker: this.#broker,
      triggers: this.#triggers,
      claim: owned,
      startCall,
      unsetMs: this.#unsetMs,
    }
    return await new DeliveryRun(parts, known, partition, options, counts).run(standing)
  }

  /** Whether the topic is still the one that the wake-up is for; one made anew under its name has wake-ups of its own. */
  async #isThere({ topic, partition: { topicId, partition } }: WakeUp): Promise<boolean> {
    const isIts = (found: Topic | undefined) => found?.topicId === topicId && hasPartition(found, partition)
    return isIts(this.#directory.peek(topic)) || isIts(await this.#directory.find(topic))
  }

  #onTrouble({ kafkaName, message, retriable }: TidemarkError): Ended {
    if (kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION' || kafkaName === 'UNKNOWN_TOPIC_ID')
      return dropped(message)
    const longestMs = retriable ? TRIGGER_STORE_PAUSE_MS : TRIGGER_BLOCKED_PAUSE_MS
    const afterMs = Math.ceil(longestMs * (1 - this.#ports.entropy.fraction() / 2))
    return again(afterMs, `${kafkaName}: ${message}`)
  }
}
