import type { FetchPartition } from '../../../src/contract/broker.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { MemoryPool } from '../../../src/core/lent-memory.ts'
import { type Offset, toOffset } from '../../../src/core/numbers.ts'
import { decodeBatches } from '../../../src/core/record/index.ts'
import { answerOrLate } from '../answer-or-late.ts'
import { LASTING_PARTITIONS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'

const READS = 10

/** Reads all partitions of several topics by one request, waits at their ends, and goes on where each was. */
export const tailers: ActorKind = {
  name: 'tailers',
  wantsFlushes: true,
  make: world => new Tailers(world),
}

class Tailers implements Actor {
  readonly #world: World
  /** As the readers have it. */
  readonly #pool = new MemoryPool(64 * 1024, 1)

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    await this.#world.lastingTopic()
  }

  async live(): Promise<void> {
    const { random, clock } = this.#world
    const topics = new Set([
      await this.#world.lastingTopic(),
      this.#world.pickTopic(),
      this.#world.pickTopic(),
    ])
    let asked = [...topics].flatMap(topic =>
      Array.from({ length: LASTING_PARTITIONS }, (_, partition) => ({
        topic,
        partition,
        offset: toOffset(0),
      })),
    )
    for (let read = 0; read < READS; read += 1) {
      await clock.sleep(random.integer(0, 1_000))
      asked = await this.#read(asked, random.pick([1, 500, 20_000]), random.pick([0, 200, 5_000]))
    }
  }

  /** @returns what to ask for next */
  async #read(
    asked: readonly (FetchPartition & { topic: string })[],
    maxBytes: number,
    maxWaitMs: number,
  ): Promise<(FetchPartition & { topic: string; offset: Offset })[]> {
    const { clock, log, history } = this.#world
    const { broker, process } = this.#world.pickBroker()
    const { moment } = log
    const given = [...asked]
    try {
      const memory = this.#pool.lend()
      const answer = memory.use(() => broker.fetchMany({ partitions: given, maxBytes, maxWaitMs, memory }))
      answer.catch(this.#world.noteDefect)
      const fetched = await answerOrLate(clock, process, answer, maxWaitMs)
      if (fetched === 'late') {
        this.#world.violated(`late: a fetch of many that waits ${maxWaitMs} ms is not answered`)
        return given
      }
      const chunks = fetched?.partitions.map(one =>
        'chunks' in one ? one.chunks.map(own => own.slice()) : [],
      )
      memory.leave()
      if (!fetched || !chunks) return given
      const [served, others]: (typeof given)[] = [[], []]
      for (const [index, one] of fetched.partitions.entries()) {
        const { topic, partition, offset } = given[index]!
        const place = { topic, partition }
        if ('error' in one) {
          if (one.error.kafkaName === 'CORRUPT_MESSAGE') throw one.error
          history.note('tailer', `${topic}/${partition} from ${offset}: ${one.error.kafkaName}`)
          others!.push({ ...place, offset: toOffset(0) })
          continue
        }
        const records = chunks[index]!.flatMap(chunk => decodeBatches(chunk))
        log.observe(place, moment, records)
        if (one.nextOffset < offset)
          this.#world.violated(`backwards: ${topic}/${partition} from ${offset} to ${one.nextOffset}`)
        ;(records.length > 0 ? served! : others!).push({ ...place, offset: one.nextOffset })
      }
      history.note('tailer', `${served!.length} of ${given.length} had records`)
      this.#world.count('polls')
      return [...others!, ...served!]
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.kafkaName === 'CORRUPT_MESSAGE') throw error
      history.note('tailer', error.kafkaName)
      return given
    }
  }
}
