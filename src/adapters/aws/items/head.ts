import { type Block, blockEnd } from '../../../core/log/block.ts'
import { NO_NEWCOMERS } from '../../../core/log/changes/append.ts'
import type { Cut } from '../../../core/log/changes/cut.ts'
import { decodeEntry, encodeEntry, entryEpoch, type IndexEntry } from '../../../core/log/entry.ts'
import { HEAD_VERSION_CLOSED, type Head } from '../../../core/log/head.ts'
import {
  decodeFlushedProducers,
  encodeFlushedProducers,
  stateOf,
} from '../../../core/log/producers/flushed-producer.ts'
import type { ProducerChanges } from '../../../core/log/producers/fold-producers.ts'
import {
  conditionOf,
  packState,
  type SequenceStep,
  unpackState,
} from '../../../core/log/producers/producer-state.ts'
import {
  decodeSettled,
  encodeSettled,
  isUnsettled,
  type Settled,
  UNSETTLED,
} from '../../../core/log/settled/settled.ts'
import type { LogSummary } from '../../../core/log/summary.ts'
import type { Offset } from '../../../core/numbers.ts'
import { HEAD_ATTRIBUTES, HEAD_KEY, logKey } from '../../../core/storage-layout.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import {
  encoded,
  fields,
  type Item,
  itemKey,
  type Kind,
  list,
  map,
  number,
  type OptionalKind,
  offset,
  whole,
} from '../table/attributes.ts'
import type { Update } from '../table/dynamo-table.ts'
import { type Expression, equalities, joined, MemberName, words } from '../table/expression.ts'

/** A head of another version is refused, never guessed at, and never written to. */
const HEAD_VERSIONS = [1, 2]
/** Of a head that nothing has settled of, and whose entries are of no epoch. It becomes the other by what first needs that. */
const [HEAD_VERSION_WITHOUT_LEVELS, HEAD_VERSION] = HEAD_VERSIONS as [number, number]

const { version, startOffset, tailOffset, nextOffset, tail, producers, flushedProducers, appendFloor } =
  HEAD_ATTRIBUTES
/** What a later version of Tidemark has written means something else. */
export const IS_KNOWN = words`${version} IN (${joined(
  HEAD_VERSIONS.map(each => words`${number(each)}`),
  ', ',
)})`
/** What whoever writes something says that the version before does not know. */
export const IS_NEWEST = words`${version} = ${number(HEAD_VERSION)}`

/** One binary value an entry: `contains` compares it as a whole. */
const entry = encoded(encodeEntry, decodeEntry)
export const entries = list(entry)
const packedStates = map(whole)

/** Always there, if empty: an update can only set a member of a map that stands. */
const states: Kind<Head['producers']> = {
  write: all =>
    packedStates.write(Object.fromEntries([...all].map(([id, state]) => [String(id), packState(state)]))),
  read(value, name) {
    const members = Object.entries(packedStates.read(value, name))
    return new Map(members.map(([id, packed]) => [BigInt(id), unpackState(packed)]))
  },
}

const someFlushed = encoded<Head['flushedProducers']>(encodeFlushedProducers, decodeFlushedProducers)

/** Most logs have none, and an attribute costs its name. */
const flushed: OptionalKind<Head['flushedProducers']> = {
  write: all => (all.size === 0 ? undefined : someFlushed.write(all)),
  read: (value, name) => (value === undefined ? new Map() : someFlushed.read(value, name)),
}

const someSettled = encoded(encodeSettled, decodeSettled)

export const boundaries: OptionalKind<Settled> = {
  write: written => (isUnsettled(written) ? undefined : someSettled.write(written)),
  read: (value, name) => (value === undefined ? UNSETTLED : someSettled.read(value, name)),
}

/** 0 is an attribute that is not there. */
const epoch: OptionalKind<number> = {
  write: written => (written === 0 ? undefined : number(written)),
  read: (value, name) => (value === undefined ? 0 : whole.read(value, name)),
}

const FIELDS = fields<Omit<Head, 'flushed'>>(HEAD_ATTRIBUTES, {
  startOffset: offset,
  tailOffset: offset,
  nextOffset: offset,
  tail: entries,
  producers: states,
  flushedProducers: flushed,
  settled: boundaries,
  appendFloor: epoch,
  drained: epoch,
})
export const SUMMARY = fields<LogSummary>(
  { bytes: HEAD_ATTRIBUTES.flushedBytes, maxTimestampMs: HEAD_ATTRIBUTES.flushedMaxTimestampMs },
  { bytes: whole, maxTimestampMs: whole },
)

export function headItemKey(partition: PartitionId): Item {
  return itemKey(logKey(partition), HEAD_KEY)
}

export function encodeHeadItem(partition: PartitionId, head: Head): Item {
  return {
    ...headItemKey(partition),
    [version]: number(head.appendFloor > 0 ? HEAD_VERSION : HEAD_VERSION_WITHOUT_LEVELS),
    ...FIELDS.encode(head),
    ...SUMMARY.encode(head.flushed),
  }
}

/** What stands where a partition was removed. */
export function closedHeadItem(partition: PartitionId): Item {
  return { ...headItemKey(partition), [version]: number(HEAD_VERSION_CLOSED) }
}

export function isClosedItem(item: Item | undefined): boolean {
  return item?.[version] !== undefined && whole.read(item[version], version) === HEAD_VERSION_CLOSED
}

/** Of whatever item: that it is no closed head. */
export const IS_NOT_CLOSED = words`NOT ${version} = ${number(HEAD_VERSION_CLOSED)}`

/** The head that an item is; undefined where it is a closed one, or there is none. @throws RangeError as decodeHeadItem */
export function headIn(item: Item | undefined): Head | undefined {
  return item && decodeOpenHeadItem(item)
}

/** As decodeHeadItem; undefined where the item is a closed head. */
export function decodeOpenHeadItem(item: Item): Head | undefined {
  return isClosedItem(item) ? undefined : decodeHeadItem(item)
}

/** @throws RangeError when the item is no head of a version that is known */
export function decodeHeadItem(item: Item): Head {
  const written = whole.read(item[version], version)
  if (!HEAD_VERSIONS.includes(written)) throw new RangeError(`a head of version ${written} is not known`)
  return { ...FIELDS.decode(item), flushed: SUMMARY.decode(item) }
}

/**
 * {@link applyAppend} in DynamoDB's words. The base offset is the new nextOffset minus the entry's records: nothing
 * compares nextOffset.
 * @param steps what the entry adds to each idempotent producer's sequence
 * @param newcomers the producers that the head need not know
 */
export function appendUpdate(
  appended: IndexEntry,
  seen: Offset,
  steps: readonly SequenceStep[],
  newcomers: ReadonlySet<bigint> = NO_NEWCOMERS,
  cut?: Cut,
): Update {
  const added = entries.write([appended])
  const set = [
    words`${nextOffset} = ${nextOffset} + ${number(appended.span)}`,
    cut ? words`${tail} = ${added}` : words`${tail} = list_append(${tail}, ${added})`,
  ]
  const when = [
    IS_KNOWN,
    words`${tailOffset} <= ${number(seen)}`,
    words`NOT contains(${tail}, ${entry.write(appended)})`,
  ]
  const leaving = cut && leavingUpdate(cut.block, cut.changes, cut.movedEpoch)
  if (cut && leaving) {
    set.push(...leaving.set)
    when.push(...leaving.when, words`${nextOffset} = ${number(blockEnd(cut.block))}`)
  }
  const appendedEpoch = entryEpoch(appended)
  if (Number.isFinite(appendedEpoch)) when.push(isFloorUpTo(appendedEpoch))
  if (Number.isFinite(appendedEpoch) && appendedEpoch > 0) set.push(IS_NEWEST)
  for (const step of steps) {
    const state = placeOf(step.producerId)
    const { equal, below } = conditionOf(step)
    // Where there is none, no comparison holds.
    const allowed = [words`${state} = ${number(equal)}`]
    if (below !== undefined) allowed.push(words`${state} < ${number(below)}`)
    if (newcomers.has(step.producerId)) allowed.push(words`attribute_not_exists(${state})`)
    when.push(words`(${joined(allowed, ' OR ')})`)
    set.push(words`${state} = ${number(packState({ epoch: step.epoch, lastSequence: step.last }))}`)
  }
  return { set, when, ...(leaving && { remove: leaving.remove }) }
}

/** {@link applyTrim} in DynamoDB's words: 4 KB of them at most, which is room for BLOCK_ENTRIES_MAX places in the list. */
export function trimUpdate(block: Block, changes: ProducerChanges, movedEpoch: number): Update {
  const { set, when, remove: others } = leavingUpdate(block, changes, movedEpoch)
  // The last first: to DynamoDB the order is all the same, but some emulators take one away after the other.
  const entriesLeaving = block.entries.map((_, index) => words`${tail}[${String(index)}]`).toReversed()
  return { set, remove: [...entriesLeaving, ...others], when: [IS_KNOWN, ...when] }
}

/** What it takes for a block's entries to leave the tail, but for the tail itself. */
function leavingUpdate(block: Block, changes: ProducerChanges, movedEpoch: number) {
  const left = flushed.write(changes.flushedProducers)
  const set = equalities({
    [tailOffset]: number(blockEnd(block)),
    ...SUMMARY.encode(block.summary),
    ...(left && { [flushedProducers]: left }),
  })
  const when = [words`${tailOffset} = ${number(block.baseOffset)}`]
  if (Number.isFinite(movedEpoch)) when.push(isFloorUpTo(movedEpoch))
  const remove: Expression[] = []
  for (const [producerId, retired] of changes.retired) {
    const state = placeOf(producerId)
    when.push(words`${state} = ${number(packState(stateOf(retired)))}`)
    remove.push(state)
  }
  if (!left) remove.push(words`${flushedProducers}`)
  return { set, remove, when }
}

/** {@link applyStart} in DynamoDB's words. */
export function startUpdate(to: Offset): Update {
  const start = number(to)
  return {
    set: equalities({ [startOffset]: start }),
    when: [IS_KNOWN, words`${startOffset} < ${start}`, words`${nextOffset} >= ${start}`],
  }
}

export function isFloorUpTo(epoch: number): Expression {
  return words`(attribute_not_exists(${appendFloor}) OR ${appendFloor} <= ${number(epoch)})`
}

export function placeOf(producerId: bigint) {
  return words`${producers}.${new MemberName(String(producerId))}`
}
