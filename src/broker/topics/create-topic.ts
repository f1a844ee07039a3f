import type { CreateTopic, PartitionOffsets } from '../../contract/broker.ts'
import type { Written } from '../../core/errors.ts'
import { MAKING_PATIENCE_MS, PRODUCE_DEADLINE_MS } from '../../core/limits.ts'
import { isLeftBehind } from '../../core/topic/creation.ts'
import { toTopicId } from '../../core/topic/topic-id.ts'
import type { Ports } from '../../ports/index.ts'
import { NotApplied } from '../../ports/outcome.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { pauseBeforeRetry, timedOut } from '../store-calls/retry.ts'
import { unknownTopic } from './topic-directory.ts'
import { type TopicSteps, topicExists } from './topic-steps.ts'

/** What a creation has come to. */
export interface Made {
  readonly item: TopicItem
  readonly offsets: PartitionOffsets[]
  /** Whether that is what it has put, and not what somebody has made of it since. */
  readonly isNew: boolean
}

/**
 * Takes the name, makes the heads, and only then puts the topic live over the very item that took the name. So a request
 * that comes late, or twice, finds another item there or none, and makes nothing; and heads whose topic is not there are
 * known by the item.
 *
 * The item that took the name may be there again, by a request that came twice, after somebody has taken it for left behind
 * and has closed its heads. So who has put the topic live looks whether it has any, and begins anew where they are closed.
 *
 * An id is never used again: after a try without an answer that is not there, the next one has another.
 * @throws TidemarkError TOPIC_ALREADY_EXISTS, UNKNOWN_TOPIC_OR_PARTITION where it was deleted as soon as it was made, or
 *   REQUEST_TIMED_OUT at the deadline
 */
export async function makeTopic(
  ports: Ports,
  steps: TopicSteps,
  { topic: name, partitions = 1, configs = {} }: CreateTopic,
): Promise<Made> {
  const { clock, entropy } = ports
  const deadlineMs = clock.monotonicMs() + PRODUCE_DEADLINE_MS
  const ours = new Set<string>()
  let written: Written = 'no'
  for (let failures = 0; ; ) {
    const pause = async (reason: Error) => {
      if (!(await pauseBeforeRetry(ports, failures, deadlineMs))) throw timedOut(reason, written)
      failures += 1
    }
    /** With its logs. Undefined: it was over before it was put live, and is deleted again. */
    const described = async (item: TopicItem, isNew: boolean): Promise<Made | undefined> => {
      const offsets = await steps.offsets(item, 'yes')
      if (offsets) return { item, offsets, isNew }
      if ((await steps.isGhost(item, 'yes')) && (await steps.retire(item))) return undefined
      throw unknownTopic(name, 'yes')
    }
    if (clock.monotonicMs() >= deadlineMs) throw timedOut(new NotApplied('others keep changing it'), written)
    let making = await steps.get(name, written)
    if (!making) {
      const fresh: TopicItem = {
        name,
        topicId: toTopicId(entropy.id()),
        partitions,
        configs,
        createdMs: clock.nowMs(),
        expires: true,
        state: 'making',
        version: entropy.id(),
      }
      const outcome = await steps.putNew(fresh, written)
      if (outcome === 'refused') continue
      ours.add(fresh.topicId)
      if (outcome !== 'done') {
        await pause(outcome)
        continue
      }
      making = fresh
    }
    if (making.state === 'deleting') {
      await steps.finishDeletion(making)
    } else if (making.state === 'live') {
      // A try without an answer may have made it; altered by somebody else since, maybe.
      if (ours.has(making.topicId)) {
        const made = await described(making, false)
        if (made) return made
        continue
      }
      if (!(await steps.isGhost(making, written))) throw topicExists(name, written)
      await steps.retire(making)
    } else if (!ours.has(making.topicId)) {
      if (isLeftBehind(making.createdMs, clock.nowMs(), MAKING_PATIENCE_MS)) await steps.retire(making)
      else await pause(new NotApplied('somebody else is making a topic of this name'))
    } else if (await steps.createHeads(making.topicId, 0, making.partitions, written)) {
      const item: TopicItem = { ...making, state: 'live', version: entropy.id() }
      const { isDone, isUnsure } = await steps.put(item, making.version)
      if (isDone) {
        const made = await described(item, true)
        if (made) return made
        continue
      }
      // Somebody has taken it for left behind, or deleted what was made.
      if (isUnsure) written = 'unknown'
    } else {
      // What took the name came late: it was given up, and the id with it.
      await steps.retire(making)
    }
  }
}
