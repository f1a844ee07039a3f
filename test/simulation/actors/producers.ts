import type { TidemarkError } from '../../../src/core/errors.ts'
import { PRODUCER_ENTRIES_KEPT, PRODUCER_EXPIRATION_MS } from '../../../src/core/limits.ts'
import { SEQUENCES } from '../promises/log.ts'
import { FAR_SKEW_MS, LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'
import { flushOnce } from './flushes.ts'
import { numberedBatch, produceOnce, type SentBatch, type Sequence, sendAll, sendOnce } from './sending.ts'

const WHO = 'producer'
/** Another one each day. */
const FIRST_PRODUCER_ID = 42n
const GROUPS = 8
/** Far more than any run needs. */
const SENDINGS_MAX = 300
/** Long enough for a producer to leave the head. */
const SILENCE_MS = FAR_SKEW_MS

/**
 * A producer that numbers its batches and sends each until it is acknowledged, up to three at the same time, and
 * each time to any broker: every record must stand in the log once, where the acknowledgement says. So it must when
 * one is sent again much later. Now and then another takes its place with a higher epoch, or it is silent, for so
 * long that it leaves the head or even is forgotten.
 */
export const producers: ActorKind = {
  name: 'producers',
  wantsFarClocks: true,
  wantsFlushes: true,
  make: world => new Producers(world),
}

class Producers implements Actor {
  readonly #world: World
  #topic = ''

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    this.#topic = await this.#world.lastingTopic()
  }

  get #producerId(): bigint {
    return FIRST_PRODUCER_ID + BigInt(this.#world.day - 1)
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    let epoch = 0
    const begin = random.pick([0, 0, SEQUENCES - 3])
    const next = new Map<number, number>()
    let sent: SentBatch[] = []
    const isLong = random.fraction() < 0.03 && this.#world.fallsSilent
    const longSilence = isLong ? random.integer(1, GROUPS - 1) : 0
    for (let group = 0; group < GROUPS; group += 1) {
      if (group > 0 && group === longSilence) {
        await clock.sleep(SILENCE_MS)
        // As if so much time had passed: nothing else goes by it in days.
        clock.stepWall(PRODUCER_EXPIRATION_MS)
        sent = []
      } else if (group > 0 && random.fraction() < 0.2) {
        await clock.sleep(SILENCE_MS)
        await this.#moveOn()
      } else {
        await clock.sleep(random.integer(0, 700))
      }
      if (random.fraction() < 0.6) await this.#repeat(sent)
      const partition = random.integer(0, LASTING_PARTITIONS - 1)
      let zombie: Promise<unknown> = Promise.resolve()
      if (random.fraction() < 0.15) {
        const baseSequence = next.get(partition) ?? 0
        zombie = this.#produceAnywhere(partition, {
          producerId: this.#producerId,
          producerEpoch: epoch,
          baseSequence,
        })
        epoch += 1
        next.clear()
      }
      const waiting = Array.from({ length: random.pick([1, 1, 3]) }, () => {
        const baseSequence = next.get(partition) ?? (epoch === 0 ? begin : 0)
        const producer = { producerId: this.#producerId, producerEpoch: epoch, baseSequence }
        const batch = numberedBatch(this.#world, { topic: this.#topic, partition }, producer)
        next.set(partition, (baseSequence + batch.values.length) % SEQUENCES)
        return batch
      })
      sent.push(...waiting)
      const left = await sendAll(this.#world, WHO, waiting, SENDINGS_MAX)
      if (left.length > 0) throw new Error('a batch is sent again and again, and never taken')
      await zombie
    }
    await this.#repeat(sent)
  }

  /** Others write, and tails are cut: a producer that was silent leaves the head. */
  async #moveOn(): Promise<void> {
    const running = this.#world.pickBroker()
    for (let partition = 0; partition < LASTING_PARTITIONS; partition += 1) {
      await produceOnce(this.#world, WHO, running, { topic: this.#topic, partition })
    }
    await flushOnce(this.#world, this.#topic)
  }

  /**
   * Sends a batch that was acknowledged before, of any time: it is answered as then. Of one that is too far back it is
   * only known that it was written.
   */
  async #repeat(sent: readonly SentBatch[]): Promise<void> {
    if (sent.length === 0) return
    const { random, clock } = this.#world
    const back = random.integer(1, Math.min(sent.length, 2 * PRODUCER_ENTRIES_KEPT))
    const repeated = sent[sent.length - back]!
    const isNewestEpoch = repeated.epoch === sent.at(-1)!.epoch
    this.#world.count('repetitions')
    const check = (error: TidemarkError) => {
      if (error.retriable) return
      // Each epoch may have had a zombie, whose batch counts as well.
      const mayBeOld = back >= PRODUCER_ENTRIES_KEPT || !isNewestEpoch
      if (error.kafkaName === 'DUPLICATE_SEQUENCE_NUMBER' && mayBeOld) return
      if (error.kafkaName === 'INVALID_PRODUCER_EPOCH' && !isNewestEpoch) return
      throw new Error(`a repetition of number ${back} from the last: ${error.message}`)
    }
    for (let sendings = 0; sendings < random.integer(1, 4); sendings += 1) {
      if (await sendOnce(this.#world, WHO, this.#world.pickBroker(), repeated, check)) return
      await clock.sleep(random.integer(1, 500))
    }
  }

  /** Sends a batch once, at some time soon. */
  async #produceAnywhere(partition: number, producer: Sequence): Promise<void> {
    await this.#world.clock.sleep(this.#world.random.integer(0, 100))
    const place = { topic: this.#topic, partition }
    await produceOnce(this.#world, 'zombie', this.#world.pickBroker(), place, producer)
  }
}
