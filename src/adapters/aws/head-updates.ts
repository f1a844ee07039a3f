import { type Block, blockEnd } from '../../core/log/block.ts'
import { NO_NEWCOMERS } from '../../core/log/changes/append.ts'
import type { IndexEntry } from '../../core/log/entry.ts'
import { encodeFlushedProducers, stateOf } from '../../core/log/producers/flushed-producer.ts'
import type { ProducerChanges } from '../../core/log/producers/fold-producers.ts'
import { conditionOf, packState, type SequenceStep } from '../../core/log/producers/producer-state.ts'
import type { Offset } from '../../core/numbers.ts'
import { HEAD_ATTRIBUTES } from '../../core/storage-layout.ts'
import { entryList, entryValue, HEAD_VERSION, number, producerName } from './dynamo-items.ts'
import type { Update } from './dynamo-table.ts'

/**
 * The ways in which a head changes, as DynamoDB's conditional updates. Each says the same as its namesake in
 * core/log: applyAppend, applyTrim, applyStart.
 */

const {
  version,
  startOffset,
  tailOffset,
  nextOffset,
  tail,
  flushedBytes,
  flushedMaxTimestampMs,
  producers,
  flushedProducers,
} = HEAD_ATTRIBUTES

/**
 * The base offset is the new nextOffset minus the entry's records: nothing compares nextOffset.
 * @param steps what the entry adds to each idempotent producer's sequence
 * @param newcomers the producers that the head need not know
 */
export function appendUpdate(
  entry: IndexEntry,
  seen: Offset,
  steps: readonly SequenceStep[],
  newcomers: ReadonlySet<bigint> = NO_NEWCOMERS,
): Update {
  const update = new HeadUpdate()
  update.set.push(`${nextOffset} = ${nextOffset} + :records`, `${tail} = list_append(${tail}, :entries)`)
  update.conditions.push(`${tailOffset} <= :seen`, `NOT contains(${tail}, :entry)`)
  update.values[':records'] = number(entry.records)
  update.values[':entries'] = entryList([entry])
  update.values[':seen'] = number(seen)
  update.values[':entry'] = entryValue(entry)
  for (const step of steps) {
    const state = update.producer(step.producerId)
    const { equal, below } = conditionOf(step)
    // Where there is none, no comparison holds.
    const allowed = [`${state} = ${update.value(equal)}`]
    if (below !== undefined) allowed.push(`${state} < ${update.value(below)}`)
    if (newcomers.has(step.producerId)) allowed.push(`attribute_not_exists(${state})`)
    update.conditions.push(`(${allowed.join(' OR ')})`)
    const { epoch, last } = step
    update.set.push(`${state} = ${update.value(packState({ epoch, lastSequence: last }))}`)
  }
  return update.finish()
}

/** The expression has at most 4 KB, which is room for BLOCK_ENTRIES_MAX places in the list. */
export function trimUpdate(block: Block, changes: ProducerChanges): Update {
  const update = new HeadUpdate()
  update.conditions.push(`${tailOffset} = :base`)
  update.set.push(`${tailOffset} = :end`, `${flushedBytes} = :bytes`, `${flushedMaxTimestampMs} = :maxMs`)
  update.values[':base'] = number(block.baseOffset)
  update.values[':end'] = number(blockEnd(block))
  update.values[':bytes'] = number(block.summary.bytes)
  update.values[':maxMs'] = number(block.summary.maxTimestampMs)
  // The last first: to DynamoDB the order is all the same, but some emulators take one away after the other.
  update.remove.push(...block.entries.map((_, index) => `${tail}[${index}]`).toReversed())
  for (const [producerId, flushed] of changes.retired) {
    const state = update.producer(producerId)
    update.conditions.push(`${state} = ${update.value(packState(stateOf(flushed)))}`)
    update.remove.push(state)
  }
  // Most logs have none, and an attribute costs its name.
  if (changes.flushedProducers.size === 0) update.remove.push(flushedProducers)
  else {
    update.set.push(`${flushedProducers} = :flushedProducers`)
    update.values[':flushedProducers'] = { B: encodeFlushedProducers(changes.flushedProducers) }
  }
  return update.finish()
}

export function startUpdate(to: Offset): Update {
  const update = new HeadUpdate()
  update.conditions.push(`${startOffset} < :start`, `${nextOffset} >= :start`)
  update.set.push(`${startOffset} = :start`)
  update.values[':start'] = number(to)
  return update.finish()
}

/** An update in the making. Where there is no head its condition fails, and none is made. */
class HeadUpdate {
  readonly set: string[] = []
  readonly remove: string[] = []
  // What a later version of Tidemark has written means something else.
  readonly conditions: string[] = [`${version} = :version`]
  readonly values: Update['values'] = { ':version': number(HEAD_VERSION) }
  readonly #names: Update['names'] = {}

  /** The place of a producer's state. */
  producer(producerId: bigint): string {
    const name = `#p${Object.keys(this.#names).length}`
    this.#names[name] = producerName(producerId)
    return `${producers}.${name}`
  }

  /** A number under a name of its own. */
  value(amount: number): string {
    const name = `:v${Object.keys(this.values).length}`
    this.values[name] = number(amount)
    return name
  }

  finish(): Update {
    const removes = this.remove.length > 0 ? ` REMOVE ${this.remove.join(',')}` : ''
    return {
      expression: `SET ${this.set.join(', ')}${removes}`,
      condition: this.conditions.join(' AND '),
      names: this.#names,
      values: this.values,
    }
  }
}
