import { isTransient } from '../../../src/broker/store-calls/retry.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import { Topics } from '../../../src/broker/topics/topics.ts'
import { type KafkaErrorName, TidemarkError } from '../../../src/core/errors.ts'
import { FAR_SKEW_MS, type World } from '../world.ts'
import type { Actor, ActorKind } from './actor.ts'

/** Few, so that they meet. */
const NAMES = ['topic-ebb', 'topic-flow']
const OPERATORS = 4
const STEPS = 8
/** How long an operator waits, who then goes on with something else. */
const PATIENCE_MS = 2_000
/** In how many of its calls an operator's process falls asleep. */
const SLEEP_SHARE = 0.04
const EXPECTED: readonly KafkaErrorName[] = [
  'TOPIC_ALREADY_EXISTS',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'REQUEST_TIMED_OUT',
  'INVALID_PARTITIONS',
]

/** Operators who make, grow and delete the same few topics, each time from a process of its own. */
export const topics: ActorKind = {
  name: 'topics',
  wantsFlushes: true,
  make: world => new Operators(world),
}

class Operators implements Actor {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async prepare(): Promise<void> {
    this.#world.offerTopics(NAMES)
  }

  async live(): Promise<void> {
    await Promise.all(Array.from({ length: OPERATORS }, (_, number) => this.#operate(`operator ${number}`)))
  }

  async #operate(who: string): Promise<void> {
    const { random, clock } = this.#world
    for (let step = 0; step < STEPS; step += 1) {
      await clock.sleep(random.integer(0, 700))
      const done = this.#doSomething(`${who}.${step}`)
      this.#world.spawn(done)
      await Promise.race([done, clock.sleep(PATIENCE_MS)])
    }
  }

  async #doSomething(who: string): Promise<void> {
    const { random, history } = this.#world
    const { process, ports } = this.#world.start(who, SLEEP_SHARE, random.pick([0, 0, FAR_SKEW_MS]))
    const directory = new TopicDirectory(ports.topics, ports.clock)
    const operated = new Topics(ports, directory)
    const name = random.pick(NAMES)
    const [what, work] = this.#draw(operated, name)
    history.note(who, `${what} ${name}`)
    try {
      const outcome = await Promise.race([work, process.died.then(() => 'died')])
      history.note(who, `${what} ${name}: ${outcome}`)
    } catch (error) {
      const isExpected =
        isTransient(error) || (error instanceof TidemarkError && EXPECTED.includes(error.kafkaName))
      if (!isExpected) throw error
      history.note(who, `${what} ${name}: ${(error as Error).message}`)
    }
  }

  #draw(operated: Topics, name: string): readonly [string, Promise<string>] {
    const draw = this.#world.random.fraction()
    if (draw < 0.4) return ['make', this.#make(operated, name)]
    if (draw < 0.75) return ['delete', this.#delete(operated, name)]
    if (draw < 0.9) return ['grow', this.#grow(operated, name)]
    return ['finish deletions instead of', operated.finishDeletions().then(() => 'done')]
  }

  async #make(operated: Topics, topic: string): Promise<string> {
    const made = await operated.create({ topic, partitions: this.#world.random.integer(1, 2) })
    this.#world.topics.toldMade(topic, made.topicId)
    return `made as ${made.topicId}`
  }

  async #delete(operated: Topics, topic: string): Promise<string> {
    const topicId = this.#world.topics.liveId(topic)
    await operated.delete(topic)
    if (topicId !== undefined) this.#world.topics.toldDeleted(topicId)
    return 'done'
  }

  async #grow(operated: Topics, topic: string): Promise<string> {
    const { partitions, topicId } = await operated.describe(topic)
    const more = partitions + this.#world.random.integer(1, 2)
    const grown = await operated.alter({ topic, partitions: more, set: { 'flush.ms': '500' } })
    if (grown.partitions < more) this.#world.violated(`fewer: ${topicId} was told to be grown to ${more}`)
    return `has ${grown.partitions} partitions`
  }
}
