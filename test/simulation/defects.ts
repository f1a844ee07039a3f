import { DECISIONS } from '../../src/adapters/items/decisions.ts'
import { joinKey } from '../../src/adapters/items/items.ts'
import type { MemoryStore } from '../../src/adapters/memory/memory-store.ts'
import { blockEnd } from '../../src/core/log/block.ts'
import { decodeRetired, type FlushedProducer } from '../../src/core/log/producers/flushed-producer.ts'
import type { ProducerRun } from '../../src/core/log/producers/producer-run.ts'
import { advance, toOffset } from '../../src/core/numbers.ts'
import { HEAD_KEY, logKey, PRODUCER_PREFIX, producerKey } from '../../src/core/storage-layout.ts'
import { partitionKey } from '../../src/core/topic/partition-id.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { LogIndex } from '../../src/ports/log-index.ts'
import type { TopicItem } from '../../src/ports/topic-store.ts'
import { CLASSIC_DEFECTS } from './defects-classic.ts'
import { CLEANING_DEFECTS } from './defects-cleaning.ts'
import { CONSUMER_DEFECTS } from './defects-consumers.ts'
import { SETTLING_DEFECTS } from './defects-settling.ts'
import { TRANSACTION_DEFECTS } from './defects-transactions.ts'
import { UPKEEP_DEFECTS } from './defects-upkeep.ts'
import { WAKING_DEFECTS } from './defects-waking.ts'
import { ofIndex, ofTopics, type PlantedDefect, withMethods } from './planted-defect.ts'

/** Those who write and read logs. */
export const LOG_ACTORS = ['writers', 'producers', 'crowd', 'readers', 'deletions', 'flushes']

const APPENDS = { actors: LOG_ACTORS, seeds: 500 }
/** Where several rare things must come together. */
const RETIREMENT = {
  actors: LOG_ACTORS,
  seeds: 3_000,
  message: /doubled|moved|come after epoch|a repetition of|sent again and again/,
}
const TOPICS = { actors: ['topics', 'writers'], seeds: 2_000 }
const GROUPS = { actors: ['members'], seeds: 100 }
const TRIGGERS = { actors: ['triggers'], seeds: 60 }

/** How late a put is for which nobody waits, and how old what a look-up sees that is made too early. */
const LATE_MS = 400

const { applyAppend, applyTrim, applyOwner, applyCommit } = DECISIONS

export const DEFECTS: Readonly<Record<string, PlantedDefect>> = {
  ...SETTLING_DEFECTS,
  ...UPKEEP_DEFECTS,
  ...CLEANING_DEFECTS,
  ...CLASSIC_DEFECTS,
  ...CONSUMER_DEFECTS,
  ...TRANSACTION_DEFECTS,
  ...WAKING_DEFECTS,
  'an append without the condition tailOffset <= seen': {
    ...APPENDS,
    message: /doubled/,
    decisions: {
      // Any tail passes for one that shows everything since.
      applyAppend: (head, entry, _, newcomers) =>
        applyAppend(head, entry, toOffset(Number.MAX_SAFE_INTEGER), newcomers),
    },
  },
  'an append cuts a tail that is not the one that it knows': {
    actors: [...LOG_ACTORS, 'prices'],
    seeds: 500,
    message: /doubled|lost|missing|does not follow|moved|is not|hole|back: nextOffset/,
    decisions: {
      applyAppend: (head, entry, seen, newcomers, cut) => {
        const isBehind =
          cut && head.tailOffset === cut.block.baseOffset && head.nextOffset > blockEnd(cut.block)
        const before = isBehind
          ? { ...head, tail: head.tail.slice(0, cut.block.entries.length), nextOffset: blockEnd(cut.block) }
          : head
        return applyAppend(before, entry, seen, newcomers, cut)
      },
    },
  },
  'an append does not look for its entry in the tail': {
    ...APPENDS,
    message: /doubled|stands in the tail twice/,
    decisions: {
      applyAppend: (head, entry, seen, newcomers) => {
        const changed = applyAppend({ ...head, tail: [] }, entry, seen, newcomers)
        return changed && { ...changed, tail: [...head.tail, entry] }
      },
    },
  },
  'an append does not look at what its producer has sent before': {
    ...APPENDS,
    message: /doubled|moved|come after epoch/,
    decisions: {
      applyAppend: (head, entry, seen) => applyAppend(head, { ...entry, producers: [] }, seen),
    },
  },
  'an append takes what a producer of a lower epoch sends': {
    ...APPENDS,
    message: /come after epoch|a repetition of/,
    decisions: {
      applyAppend: (head, entry, seen, newcomers) => {
        const isFenced = ({ producerId, epoch }: ProducerRun) =>
          epoch < (head.producers.get(producerId)?.epoch ?? 0)
        const producers = entry.producers.filter(run => !isFenced(run))
        const changed = applyAppend(head, { ...entry, producers }, seen, newcomers)
        return changed && { ...changed, tail: [...head.tail, entry] }
      },
    },
  },
  "a cut forgets a producer's last runs": {
    ...APPENDS,
    message: /doubled|moved|come after epoch|sent again and again/,
    decisions: {
      applyTrim: (head, block, changes, moved) => {
        const trimmed = applyTrim(head, block, changes, moved)
        return trimmed && { ...trimmed, producers: new Map() }
      },
    },
  },
  'a trim does not look whether somebody was faster': {
    ...APPENDS,
    message: /./,
    decisions: {
      applyTrim: (head, block, changes, moved) =>
        applyTrim({ ...head, tailOffset: block.baseOffset }, block, changes, moved),
    },
  },
  'a producer leaves the head without an item': {
    ...RETIREMENT,
    ports: ofIndex(() => index => withMethods(index, { putProducer: async () => {} })),
  },
  "a cut does not wait for its producers' items": {
    ...RETIREMENT,
    ports: ofIndex(
      (_, clock) => index =>
        withMethods(index, {
          putProducer: async (...args) => {
            void clock.sleep(LATE_MS).then(() => index.putProducer(...args).catch(() => {}))
          },
        }),
    ),
  },
  'an older item is put over a newer one': {
    ...RETIREMENT,
    decisions: { mergeRetired: (_, given) => given },
  },
  'nobody looks up a producer that the head does not know': {
    ...RETIREMENT,
    ports: ofIndex(() => index => withMethods(index, { readProducer: async () => undefined })),
  },
  'a producer is looked up before the head is seen': {
    ...RETIREMENT,
    ports: ofIndex(readEarly),
  },
  'a producer is taken that the head which was seen may have known': {
    ...RETIREMENT,
    decisions: {
      applyAppend: (head, entry, seen) =>
        applyAppend(head, entry, seen, new Set(entry.producers.map(({ producerId }) => producerId))),
    },
  },
  'a producer is taken although the tail has moved past the head that was seen': {
    ...RETIREMENT,
    decisions: {
      applyAppend: (head, entry, seen, newcomers) => {
        const isReturn = entry.producers.some(({ producerId }) => newcomers?.has(producerId))
        return applyAppend(head, entry, isReturn ? toOffset(Number.MAX_SAFE_INTEGER) : seen, newcomers)
      },
    },
  },
  'a deletion leaves nothing where its heads were': {
    ...TOPICS,
    message: /^twice|^left|^void/,
    ports: ofIndex(
      store => index =>
        withMethods(index, {
          removePartition: async partition => {
            const log = logKey(partition)
            await index.removePartition(partition)
            await store.items.removeRange(joinKey(log, HEAD_KEY), joinKey(log, PRODUCER_PREFIX))
          },
        }),
    ),
  },
  'a topic is put live whether its name is still taken for it or not': {
    ...TOPICS,
    message: /^twice|^headless|^gone/,
    ports: ofTopics(topics => ({
      ...topics,
      put: async (item, expected) => {
        const isNew = item.state === 'live' && (await topics.get(item.name)) === undefined
        return await topics.put(item, isNew ? undefined : expected)
      },
    })),
  },
  'a growth does not note down how far it makes heads': {
    ...TOPICS,
    message: /^left/,
    ports: ofTopics(topics => ({
      ...topics,
      put: ({ growingTo: _, ...item }, expected) => topics.put(item, expected),
    })),
  },
  'a deletion goes on from a topic that is in the making': {
    ...TOPICS,
    message: /^headless|^gone|^twice/,
    ports: ofTopics(topics => ({
      ...topics,
      get: async name => finished(await topics.get(name)),
      async *list() {
        for await (const item of topics.list()) yield finished(item)!
      },
    })),
  },
  'a commit does not look whose the partition is': {
    ...GROUPS,
    message: /^fenced/,
    decisions: {
      applyCommit: (partition, standing, committed, _, seenMs) =>
        applyCommit(
          partition,
          standing,
          committed,
          standing?.owner ? { owner: standing.owner, generation: standing.generation } : 'unowned',
          seenMs,
        ),
    },
  },
  'a commit looks at the owner, but not at the generation': {
    ...GROUPS,
    seeds: 500,
    message: /^fenced/,
    decisions: {
      applyCommit: (partition, standing, committed, by, seenMs) =>
        applyCommit(
          partition,
          standing,
          committed,
          by === 'unowned' || !standing ? by : { ...by, generation: standing.generation },
          seenMs,
        ),
    },
  },
  "a member's commit does not look at what was committed since": {
    ...GROUPS,
    message: /^back/,
    decisions: {
      applyCommit: (partition, standing, committed, by) =>
        applyCommit(partition, standing, committed, by, standing?.committed?.committedMs ?? null),
    },
  },
  "a commit's number is not kept": {
    ...GROUPS,
    message: /^back|^lost/,
    decisions: {
      applyCommit: (partition, standing, { sequence: _, ...committed }, by, seenMs) =>
        applyCommit(partition, standing, committed, by, seenMs),
    },
  },
  'an owner is set whoever owns it': {
    ...GROUPS,
    message: /^two owners/,
    decisions: {
      applyOwner: (partition, standing, owner) => applyOwner(partition, standing, owner, standing),
    },
  },
  'a new owner does not get a generation of its own': {
    ...GROUPS,
    message: /^two owners/,
    decisions: {
      applyOwner: (partition, standing, owner, expected) => {
        const claim = applyOwner(partition, standing, owner, expected)
        return claim && { ...claim, generation: Math.max(1, standing?.generation ?? 0) }
      },
    },
  },
  'a group that was deleted counts generations anew': {
    ...GROUPS,
    message: /^two owners/,
    decisions: {
      applyOwner: (partition, standing, owner, expected) => applyOwner(partition, standing, owner, expected),
      closeClaim: () => undefined,
    },
  },
  'a group that was deleted counts on from the time': {
    actors: ['members', 'clocks'],
    seeds: 400,
    message: /^two owners|^fenced/,
    decisions: { closeClaim: () => undefined },
  },
  'deadlines go by the wall clock': {
    actors: ['writers', 'producers', 'flushes', 'pollers', 'clocks'],
    seeds: 200,
    message: /^late/,
    ports: () => ports => ({
      ...ports,
      clock: { ...ports.clock, monotonicMs: () => ports.clock.nowMs() },
    }),
  },
  'more is committed than was dealt with': {
    ...TRIGGERS,
    message: /^(lost|stalled)/,
    decisions: {
      applyCommit: (partition, standing, committed, by, seenMs) => {
        const ahead = advance(committed.offset, committed.metadata === '' ? 0 : 1)
        return applyCommit(partition, standing, { ...committed, offset: ahead }, by, seenMs)
      },
    },
  },
  "a deliverer's commit does not look at what was committed since": {
    ...TRIGGERS,
    message: /^back/,
    decisions: {
      applyCommit: (partition, standing, committed, by) =>
        applyCommit(partition, standing, committed, by, standing?.committed?.committedMs ?? null),
    },
  },
  'what is given up is committed and told to nobody': {
    ...TRIGGERS,
    message: /^lost/,
    failures: { send: async () => {} },
  },
  'a queue takes a later wake-up for a repeated one': {
    ...TRIGGERS,
    message: /^late/,
    dedupeKeyOf: ({ triggerId, partition }) => `${triggerId}#${partitionKey(partition)}`,
  },
}

/** As if its heads could be removed before anybody has said that it is not to be. */
function finished(item: TopicItem | undefined): TopicItem | undefined {
  return item?.state === 'making' ? { ...item, state: 'deleting' } : item
}

/** Items of producers are seen as they were a short while ago. */
function readEarly(store: MemoryStore, clock: Clock): (index: LogIndex) => LogIndex {
  const before = new Map<string, { untilMs: number; producer: FlushedProducer | undefined }[]>()
  store.items.observe((key, standing) => {
    if (!key.includes(`/${PRODUCER_PREFIX}`)) return
    const producer = standing && decodeRetired(standing)
    before.set(key, [...(before.get(key) ?? []), { untilMs: clock.monotonicMs() + LATE_MS, producer }])
  })
  const readProducer =
    (index: LogIndex): LogIndex['readProducer'] =>
    async (partition, producerId) => {
      const versions = before.get(joinKey(logKey(partition), producerKey(producerId))) ?? []
      const earlier = versions.find(({ untilMs }) => untilMs > clock.monotonicMs())
      return earlier ? earlier.producer : await index.readProducer(partition, producerId)
    }
  return index => withMethods(index, { readProducer: readProducer(index) })
}
