import { TidemarkError } from '../../../src/core/errors.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeBatch, type RecordInput } from '../../../src/core/record/index.ts'
import type { World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'

const TOPIC = 'compacted'
const PARTITIONS = 2
const KEYS = 6
const WRITES = 30
const ALTERATIONS = 5
const DELETIONS = 1
const HOUR_MS = 3_600_000
/** In how many records a key is deleted. */
const TOMBSTONE_SHARE = 0.15

/** Writes records of a few keys, again and again, to a topic that is compacted, and alters what decides on what of them goes. */
export const cleaners: ActorKind = {
  name: 'cleaners',
  wantsFlushes: true,
  make: world => new Cleaners(world),
}

class Cleaners implements Actor {
  readonly #world: World
  #alterations = 0
  #values = 0

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    await this.#world.openPlainBroker().createTopic({
      topic: TOPIC,
      partitions: PARTITIONS,
      configs: { 'cleanup.policy': 'compact', ...this.#drawConfigs() },
    })
  }

  async live(): Promise<void> {
    await Promise.all([
      this.#often(WRITES, 700, () => this.#write()),
      this.#often(ALTERATIONS, 4_000, () => this.#alter()),
      this.#often(DELETIONS, 20_000, () => this.#delete()),
    ])
  }

  async #often(times: number, pauseMsMax: number, work: () => Promise<void>): Promise<void> {
    const { random, clock } = this.#world
    for (let time = 0; time < times; time += 1) {
      await clock.sleep(random.integer(0, pauseMsMax))
      await work()
    }
  }

  async #write(): Promise<void> {
    const { random } = this.#world
    const { broker, process } = this.#world.pickBroker()
    const records = Array.from({ length: random.integer(1, 4) }, () => this.#drawRecord())
    const compression = random.pick(['none', 'none', 'gzip'] as const)
    const batches = encodeBatch(records, { nowMs: this.#world.recordTimeMs, compression })
    const partition = random.integer(0, PARTITIONS - 1)
    await this.#tell('cleaner', `${records.length} records to ${TOPIC}/${partition}`, () =>
      Promise.race([broker.produce({ topic: TOPIC, partition, batches }), process.died]),
    )
  }

  #drawRecord(): RecordInput {
    const { random } = this.#world
    this.#values += 1
    const key = Buffer.from(`key ${random.integer(1, KEYS)}`)
    const value = random.fraction() < TOMBSTONE_SHARE ? null : Buffer.from(`state ${this.#values}`)
    return { key, value }
  }

  async #alter(): Promise<void> {
    const { random, promises } = this.#world
    const { broker, process } = this.#world.pickBroker()
    const policy = random.pick(['compact', 'compact', 'compact,delete', 'delete'])
    this.#alterations += 1
    // By which this alteration is known again.
    const flushMs = 1_000 + this.#alterations
    const set = { 'cleanup.policy': policy, 'flush.ms': String(flushMs), ...this.#drawConfigs() }
    await this.#tell('cleaner', `alters ${TOPIC} to ${JSON.stringify(set)}`, async () => {
      const altered = await Promise.race([broker.alterTopic({ topic: TOPIC, set }), process.died])
      if (!altered) return
      this.#world.count('alterations')
      promises.expiry.altered(altered.topicId, settings => settings.flushMs === flushMs)
    })
  }

  #drawConfigs(): Record<string, string> {
    const { random, hasNights, recordAgeMs } = this.#world
    // Their time is over within seconds, or hours.
    const soonMs = recordAgeMs + random.integer(1, 10) * (hasNights ? HOUR_MS : 1_000)
    return {
      'segment.bytes': random.pick(['400', '2000']),
      'retention.ms': String(random.pick([-1, soonMs])),
      'retention.bytes': random.pick(['-1', '-1', '1500']),
      'min.cleanable.dirty.ratio': random.pick(['0', '0.3']),
      'delete.retention.ms': String(random.pick([0, 10_000, 24 * HOUR_MS])),
      'min.compaction.lag.ms': '0',
    }
  }

  async #delete(): Promise<void> {
    const { random, log } = this.#world
    if (random.fraction() < 0.5) return
    const { broker, process } = this.#world.pickBroker()
    const place = { topic: TOPIC, partition: random.integer(0, PARTITIONS - 1) }
    const beforeOffset = toOffset(random.integer(0, WRITES))
    log.deleting(place, beforeOffset)
    const { moment } = log
    await this.#tell('cleaner', `deletes before ${beforeOffset} of ${TOPIC}`, () =>
      Promise.race([broker.deleteRecords({ ...place, beforeOffset }), process.died]),
    )
    log.deleted(place, moment, beforeOffset)
  }

  async #tell(who: string, what: string, work: () => Promise<unknown>): Promise<void> {
    const { history } = this.#world
    try {
      await work()
      history.note(who, `${what}: done`)
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      history.note(who, `${what}: ${error.kafkaName}`)
    }
  }
}
