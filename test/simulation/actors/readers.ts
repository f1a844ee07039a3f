import { TidemarkError } from '../../../src/core/errors.ts'
import { MemoryPool } from '../../../src/core/lent-memory.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { decodeBatches } from '../../../src/core/record/index.ts'
import { LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'

const READS = 12
const MEMORY_BYTES = 64 * 1024

/** Reads here and there while others write: what was seen once must never change. */
export const readers: ActorKind = {
  name: 'readers',
  wantsFlushes: true,
  make: world => new Readers(world),
}

class Readers implements Actor {
  readonly #world: World
  /** Of all its reads, so that what one leaves the next one has: also while the first goes on in a process that died. */
  readonly #pool = new MemoryPool(MEMORY_BYTES, 1)

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    await this.#world.lastingTopic()
  }

  async live(): Promise<void> {
    const { random, clock, log, history } = this.#world
    for (let read = 0; read < READS; read += 1) {
      await clock.sleep(random.integer(0, 800))
      const { broker, process } = this.#world.pickBroker()
      const place = { topic: this.#world.pickTopic(), partition: random.integer(0, LASTING_PARTITIONS - 1) }
      const offset = toOffset(random.integer(0, log.highestOffset(place)))
      const maxBytes = random.pick([1, 500, 20_000])
      const { moment } = log
      const what = `${place.topic}/${place.partition} from ${offset}`
      try {
        const memory = this.#pool.lend()
        const reading = memory.use(() => broker.fetch({ ...place, offset, maxBytes, memory }))
        const fetched = await Promise.race([reading, process.died])
        history.note('reader', `${what}: up to ${fetched?.nextOffset}`)
        // A copy: what is observed is remembered.
        const chunks = (fetched?.chunks ?? []).map(chunk => chunk.slice())
        memory.leave()
        log.observe(
          place,
          moment,
          chunks.flatMap(chunk => decodeBatches(chunk)),
        )
      } catch (error) {
        // Refused for a moment, or below a start that has moved.
        const isExpected = error instanceof TidemarkError && error.kafkaName !== 'CORRUPT_MESSAGE'
        if (!isExpected) throw error
        history.note('reader', `${what}: ${error.kafkaName}`)
      }
    }
  }
}
