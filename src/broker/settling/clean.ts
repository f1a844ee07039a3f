import type { Move } from '../../core/log/changes/rearrange.ts'
import { keyHash } from '../../core/log/compaction/key-hash.ts'
import { KeyMap } from '../../core/log/compaction/key-map.ts'
import {
  type CleaningPlan,
  type CleaningRules,
  hasOldTombstones,
  planCleaning,
  tombstoneAge,
} from '../../core/log/compaction/plan-cleaning.ts'
import { planOutputs } from '../../core/log/compaction/plan-outputs.ts'
import type { Head } from '../../core/log/head.ts'
import { countedIn } from '../../core/log/settled/counted.ts'
import type { Segment } from '../../core/log/settled/segment.ts'
import { latestOf, sumOf } from '../../core/log/settled/segment-sum.ts'
import type { Settled } from '../../core/log/settled/settled.ts'
import { waitMsMax } from '../../core/log/settled/waiting.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import { readSettings, type TopicSettings } from '../../core/topic/topic-config.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type Budget, checkTime } from './budget.ts'
import { type Pass, writeCleaned } from './clean-segment.ts'
import { type MappedKeys, mapDirty } from './cleaning-map.ts'
import { type Chain, readChain, readUpToGap } from './read-chain.ts'
import { Moved } from './read-runs.ts'
import type { SettlingSettings } from './settling-settings.ts'
import { endIntent, type Log } from './write-segment.ts'

/**
 * One pass over a compacted log, where one is due: makes a whole generation of segments beside those that count, with the last
 * value of each key and tombstones for their time, and has it count in their place. A pass that somebody has begun and not ended
 * is gone on with, under a number of its own; one that is void is given up. Undefined: nothing is due.
 * @param head read before the topic is: whoever alters it meanwhile has the pass refused
 * @param endsUnfinished whether one that was begun, and has left nothing but a note, is brought to an end, too
 * @throws Moved where the log has moved on meanwhile, so that the pass is void, or is gone
 */
export async function clean(
  ports: Ports,
  settings: SettlingSettings,
  log: Log,
  head: Head,
  budget: Budget,
  endsUnfinished = false,
): Promise<Head | undefined> {
  return await new Cleaning(ports, settings, log, head, budget).run(endsUnfinished)
}

/** Where a pass begins and ends. */
interface Extent {
  readonly clean: Offset
  readonly to: Offset
  readonly map: MappedKeys['map']
}

class Cleaning {
  readonly #ports: Ports
  readonly #settings: SettlingSettings
  readonly #log: Log
  readonly #head: Head
  readonly #budget: Budget
  readonly #nowMs: number
  #map: KeyMap | undefined

  constructor(ports: Ports, settings: SettlingSettings, log: Log, head: Head, budget: Budget) {
    this.#ports = ports
    this.#settings = settings
    this.#log = log
    this.#head = head
    this.#budget = budget
    this.#nowMs = ports.clock.nowMs()
  }

  get #settled(): Settled {
    return this.#head.settled
  }

  async run(endsUnfinished: boolean): Promise<Head | undefined> {
    try {
      return await this.#run(endsUnfinished)
    } finally {
      this.#map?.release()
    }
  }

  async #run(endsUnfinished: boolean): Promise<Head | undefined> {
    const { cleaning, generation } = this.#settled
    const isLeft = cleaning !== generation && (endsUnfinished || (await this.#isSomethingLeft()))
    const known = settingsOf(this.#log.topic)
    if (!isLeft && !known.isCompacted) return undefined
    const chain = await readChain(this.#ports, this.#log.partition, this.#settled, this.#budget.deadlineMs)
    if (!isLeft && !this.#plan(chain, known)) return undefined
    const { name, topicId } = this.#log.topic
    const topic = await this.#insist(() => this.#ports.topics.get(name))
    if (topic?.topicId !== topicId) throw new Moved(`the topic ${name} is gone`)
    const settings = settingsOf(topic)
    const goneOn = isLeft && settings.isCompacted ? await this.#goOn(chain, settings) : undefined
    if (goneOn) return goneOn
    const plan = this.#plan(chain, settings)
    if (plan) return await this.#make(chain, settings, await this.#extentOf(chain, plan), [])
    return isLeft ? await this.#giveUp() : undefined
  }

  /** Whether something of the pass stands that somebody has begun, or of the one that it goes on with. */
  async #isSomethingLeft(): Promise<boolean> {
    const { cleaning, resumes } = this.#settled
    for (const level of resumes === 0 ? [cleaning] : [cleaning, resumes]) {
      const read = () => this.#ports.index.readSegments(this.#log.partition, level, toOffset(0), 1)
      if ((await this.#insist(read)).length > 0) return true
    }
    return false
  }

  /** Goes on with the pass that was begun last. Undefined: nothing of it can be used. */
  async #goOn(chain: Chain, settings: TopicSettings): Promise<Head | undefined> {
    const { cleaning, cleaningTo: to, cleaningClean: clean } = this.#settled
    const { firstOffset, mergedOffset, settledOffset, cleanOffset } = this.#settled
    if (to < mergedOffset || to > settledOffset || to <= firstOffset) return undefined
    const { deadlineMs } = this.#budget
    const range = { from: firstOffset, to }
    const begun = await readUpToGap(this.#ports, this.#log.partition, cleaning, range, deadlineMs)
    if (begun.length === 0) return undefined
    const from = toOffset(Math.max(cleanOffset, firstOffset))
    const { map, end } = await this.#mapKeys(chain, from, clean, Number.POSITIVE_INFINITY)
    // Whoever began had room for more keys.
    return end === clean ? await this.#make(chain, settings, { map, clean, to }, begun) : undefined
  }

  #plan(chain: Chain, { isCompacted, cleaning }: TopicSettings): CleaningPlan | undefined {
    return isCompacted ? planCleaning(this.#head, inputsOf(chain), this.#rulesOf(cleaning)) : undefined
  }

  #rulesOf(cleaning: TopicSettings['cleaning']): CleaningRules {
    return { ...cleaning, nowMs: this.#nowMs }
  }

  /** The dirty part is read before the pass is registered, since only then it is known how far it reaches. */
  async #extentOf(chain: Chain, { dirtyFrom, dirtyTo }: CleaningPlan): Promise<Extent> {
    const { mapUntilMs = Number.POSITIVE_INFINITY } = this.#budget
    const { map, end } = await this.#mapKeys(chain, dirtyFrom, dirtyTo, mapUntilMs)
    return { map, clean: end, to: toOffset(Math.max(end, this.#settled.mergedOffset)) }
  }

  #mapKeys(chain: Chain, from: Offset, to: Offset, untilMs: number): Promise<MappedKeys> {
    const { partition } = this.#log
    const { mapBytes } = this.#settings
    const request = {
      partition,
      chain: inputsOf(chain),
      from,
      to,
      mapBytes,
      untilMs,
      newMap: (keys: number, bytesMax: number) => this.#newMap(keys, bytesMax),
      hasMoved: () => this.#hasMoved(),
    }
    return mapDirty(this.#ports, request, this.#budget)
  }

  /** One at a time. */
  #newMap(keys: number, bytesMax: number): KeyMap {
    this.#map?.release()
    this.#map = new KeyMap(keys, bytesMax, keyHash)
    return this.#map
  }

  async #make(
    chain: Chain,
    settings: TopicSettings,
    extent: Extent,
    begun: readonly Segment[],
  ): Promise<Head> {
    const number = this.#settled.cleaning + 1
    await this.#begin(extent, begun.length > 0 ? this.#settled.cleaning : 0)
    const made: Segment[] = []
    for (const segment of begun) {
      if (segment.end > extent.to) break
      made.push(await this.#put(number, segment))
    }
    const { firstOffset, cleanOffset } = this.#settled
    const pass: Pass = {
      log: this.#log,
      number,
      rules: this.#rulesOf(settings.cleaning),
      cleanBefore: cleanOffset,
      ...extent,
      startOffset: this.#head.startOffset,
      lastOffset: toOffset(Math.max(0, this.#head.nextOffset - 1)),
      hasMoved: () => this.#hasMoved(),
    }
    const outputs = planOutputs(inputsOf(chain), {
      from: made.at(-1)?.end ?? firstOffset,
      clean: extent.clean,
      to: extent.to,
      segmentBytes: settings.segmentBytes,
      spanMsMax: settings.isDeleted ? waitMsMax(settings.retentionMs) : Number.POSITIVE_INFINITY,
      tombstoneAge: segment => tombstoneAge(segment, cleanOffset, pass.rules),
      // Without any new keys only tombstones can go.
      staysWhole: segment =>
        extent.map.keys === 0 && segment.end <= cleanOffset && !hasOldTombstones(segment, pass.rules),
    })
    for (const output of outputs) {
      checkTime(this.#ports.clock, this.#budget)
      if (await this.#hasMoved(number)) throw new Moved('the pass is void: the log has moved on meanwhile')
      if (output.kind === 'take over') {
        made.push(await this.#put(number, output.input))
        continue
      }
      const written = await writeCleaned(this.#ports, pass, output, this.#budget)
      const standing = await this.#put(number, written.segment)
      await endIntent(this.#ports, written, standing, this.#budget)
      made.push(standing)
    }
    return await this.#haveItCount(number, extent.to, made, chain)
  }

  /** From here on this number is this run's, and nobody else's. */
  async #begin({ to, clean }: Pick<Extent, 'to' | 'clean'>, resumes: number): Promise<Head> {
    const { cleaning, rules } = this.#settled
    const move: Move = { kind: 'begin cleaning', cleaning: cleaning + 1, resumes, to, clean, rules }
    const made = await this.#rearrange(move)
    // Where the answer was lost it looks refused, and may have been somebody else's: the next one is surely one's own.
    if (!made.moved) throw new Moved('somebody else cleans it, too')
    return made.head
  }

  /** Nobody goes on with the next number, and so what was made under the last one can be swept. */
  async #giveUp(): Promise<Head> {
    const { mergedOffset, cleanOffset } = this.#settled
    const clean = toOffset(Math.min(cleanOffset, mergedOffset))
    return await this.#begin({ to: mergedOffset, clean }, 0)
  }

  async #put(number: number, segment: Segment): Promise<Segment> {
    return await this.#insist(() => this.#ports.index.putSegment(this.#log.partition, number, segment))
  }

  /** Where the log's first segments have gone meanwhile, the sums are those of what is left. */
  async #haveItCount(number: number, to: Offset, made: readonly Segment[], chain: Chain): Promise<Head> {
    const { generation, mergedOffset, rules } = this.#settled
    for (let from: Settled = this.#settled; ; ) {
      const { firstOffset, settledOffset } = from
      const counted = countedIn(made, firstOffset, to)
      if ((counted[0]?.baseOffset ?? to) > firstOffset)
        throw new Moved('the pass does not reach the first segment')
      const stay = new Set(countedIn(chain.rolled, to, settledOffset))
      const goes = [
        ...countedIn(chain.merged, firstOffset, mergedOffset),
        ...countedIn(chain.rolled, mergedOffset, settledOffset).filter(segment => !stay.has(segment)),
      ]
      const sums = sumOf(counted)
      const { moved, head } = await this.#rearrange({
        kind: 'clean',
        cleaning: number,
        from,
        rules,
        sums,
        removed: sumOf(goes),
        maxTimestampMs: latestOf(counted),
      })
      const now = head.settled
      if (moved || now.generation === number) return head
      const isStillOwn =
        now.cleaning === number &&
        now.generation === generation &&
        now.mergedOffset === mergedOffset &&
        now.rules === rules &&
        now.firstOffset > firstOffset
      if (!isStillOwn) throw new Moved('the pass is void: the log has moved on meanwhile')
      from = now
    }
  }

  async #rearrange(move: Move) {
    const made = await this.#insist(() => this.#ports.index.rearrange(this.#log.partition, move))
    if (!made) throw new Moved('the log is gone')
    return made
  }

  /** @param number of the pass, once it has one */
  async #hasMoved(number?: number): Promise<boolean> {
    const now = (await this.#insist(() => this.#ports.index.readHead(this.#log.partition)))?.settled
    const { generation, mergedOffset, firstOffset } = this.#settled
    const isOvertaken = number !== undefined && now?.cleaning !== number
    return (
      isOvertaken ||
      now?.generation !== generation ||
      now.mergedOffset !== mergedOffset ||
      now.firstOffset !== firstOffset
    )
  }

  #insist<T>(step: () => Promise<T>): Promise<T> {
    return retryUntil(this.#ports, this.#budget.deadlineMs, 'no', step)
  }
}

function inputsOf({ merged, rolled }: Chain): readonly Segment[] {
  return [...merged, ...rolled]
}

function settingsOf({ configs, expires = false }: Log['topic']): TopicSettings {
  return readSettings(configs, expires)
}
