import { GroupCall } from '../../broker/groups/group-call.ts'
import type { Topic } from '../../broker/topics/topic-directory.ts'
import { TidemarkError } from '../../core/errors.ts'
import { LOCAL_TRIGGER_LOOK_MS } from '../../core/limits.ts'
import { partitionKey } from '../../core/topic/partition-id.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import { type LoopParts, PartitionLoop } from './partition-loop.ts'

interface RunningLoop {
  readonly topicId: string
  readonly loop: PartitionLoop
  readonly stopping: AbortController
}

/**
 * Delivers a trigger: a loop for each of its topic's partitions. Looks now and then at what others have done to either:
 * paused, resumed, taken over; deleted, made, grown.
 */
export class RunningTrigger {
  readonly #parts: LoopParts
  readonly #stopping = new AbortController()
  readonly #loops = new Map<string, RunningLoop>()
  /** Also of loops that are told to stop and have a call under way. */
  readonly #unended = new Set<Promise<void>>()
  readonly #ended: Promise<void>
  #version: number
  #isTopicThere = true

  constructor(parts: LoopParts) {
    this.#parts = parts
    this.#version = parts.trigger.version
    this.#ended = this.#run()
  }

  get trigger(): Trigger {
    return this.#parts.trigger
  }

  /** Ends all pauses: what failed is tried again at once. */
  wake(): void {
    for (const { loop } of this.#loops.values()) loop.wake()
  }

  /** Begins no further call; resolves when those under way are dealt with. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#ended
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts.ports
    const { groupId, topic } = this.#parts.trigger
    const stopped = this.#stopping.signal
    while (!stopped.aborted) {
      try {
        if (!(await this.#look())) break
      } catch (error) {
        this.#parts.report({ kind: 'trouble', groupId, topic, error })
      }
      await clock.sleep(LOCAL_TRIGGER_LOOK_MS, stopped)
    }
    for (const { stopping } of this.#loops.values()) stopping.abort()
    await Promise.all(this.#unended)
  }

  /** False: it is not this process's trigger any more. */
  async #look(): Promise<boolean> {
    const { ports, directory, report } = this.#parts
    const { groupId, topic, triggerId } = this.#parts.trigger
    const call = new GroupCall(ports, directory, groupId)
    const standing = await call.read(() => ports.triggers.readTrigger(groupId, topic))
    if (standing?.triggerId !== triggerId) {
      report({ kind: 'taken-over', groupId, topic })
      return false
    }
    this.#follow(await this.#readTopic(call))
    // Resumed, maybe; and the group may have been moved before.
    if (standing.version !== this.#version) this.wake()
    this.#version = standing.version
    return true
  }

  async #readTopic(call: GroupCall): Promise<Topic | undefined> {
    const { directory, report } = this.#parts
    const { groupId, topic } = this.#parts.trigger
    const found = await call.read(async () => {
      try {
        return await directory.refresh(topic)
      } catch (error) {
        if (error instanceof TidemarkError && error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION')
          return undefined
        throw error
      }
    })
    const isThere = found !== undefined
    if (isThere !== this.#isTopicThere) report({ kind: 'topic', groupId, topic, isThere })
    this.#isTopicThere = isThere
    return found
  }

  #follow(topic: Topic | undefined): void {
    for (const [key, running] of this.#loops) {
      if (running.topicId === topic?.topicId) continue
      running.stopping.abort()
      this.#loops.delete(key)
    }
    if (!topic) return
    const { topicId } = topic
    for (let partition = 0; partition < topic.partitions; partition += 1) {
      const id = { topicId, partition }
      const key = partitionKey(id)
      if (this.#loops.has(key)) continue
      const stopping = new AbortController()
      const loop = new PartitionLoop(this.#parts, id, stopping.signal)
      this.#loops.set(key, { topicId, loop, stopping })
      const ended = loop.run().finally(() => this.#unended.delete(ended))
      this.#unended.add(ended)
    }
  }
}
