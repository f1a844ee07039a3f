/** Looks at a store that is made up as it is looked at, with more in it than this process has memory for. */
import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { VerifySummary } from '../../../src/broker/verifying/finding.ts'
import { verify } from '../../../src/broker/verifying/verify.ts'
import type { Block } from '../../../src/core/log/block.ts'
import type { IndexEntry } from '../../../src/core/log/entry.ts'
import { EMPTY_HEAD } from '../../../src/core/log/head.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { segmentKey } from '../../../src/core/storage-layout.ts'
import { toTopicId } from '../../../src/core/topic/topic-id.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { batchOf, NOW_MS } from '../harness.ts'

const ENTRIES = Number(process.argv[2])
const OBJECTS = Number(process.argv[3])
const ENTRIES_PER_BLOCK = 64

const batch = batchOf(['one'])
const clock = new VirtualClock(NOW_MS)
const { objects, index, topics, ...stores } = openMemoryStore(clock)
const topicId = toTopicId('ab'.repeat(16))
await topics.put(
  { name: 'tides', topicId, partitions: 1, configs: {}, createdMs: 1, state: 'live', version: 'v' },
  undefined,
)

/** Random as far as 48 bits of it go. */
function idOf(number: number): string {
  return (
    ((number * 2_654_435_761) % 2 ** 48).toString(16).padStart(12, '0') +
    number.toString(16).padStart(20, '0')
  )
}

function entryAt(number: number): IndexEntry {
  const object = idOf(number)
  return {
    id: object,
    span: 1,
    bytes: batch.length,
    maxTimestampMs: NOW_MS,
    createdMs: 1,
    place: { kind: 'object', object, position: toPosition(0), epoch: 0 },
    marks: [],
    producers: [],
  }
}

function blockAt(base: number): Block {
  const end = Math.min(ENTRIES, base + ENTRIES_PER_BLOCK)
  const entries = Array.from({ length: end - base }, (_, at) => entryAt(base + at))
  return {
    baseOffset: toOffset(base),
    entries,
    summary: { bytes: end * batch.length, maxTimestampMs: NOW_MS },
  }
}

const ends = { tailOffset: toOffset(ENTRIES), nextOffset: toOffset(ENTRIES) }
const ports: Ports = {
  ...stores,
  topics,
  clock,
  entropy: new SeededEntropy(1),
  index: Object.assign(index, {
    readHead: async () => ({
      ...EMPTY_HEAD,
      ...ends,
      flushed: { bytes: ENTRIES * batch.length, maxTimestampMs: NOW_MS },
    }),
    readBlocks: async (_: unknown, offset: number, limit: number) => {
      const blocks: Block[] = []
      let base = offset - (offset % ENTRIES_PER_BLOCK)
      for (; base < ENTRIES && blocks.length < limit; base += ENTRIES_PER_BLOCK) blocks.push(blockAt(base))
      return blocks
    },
    async *partitions() {
      yield { topicId, partition: 0 }
    },
  }),
  objects: Object.assign(objects, {
    get: async () => Uint8Array.from(batch),
    async *list() {
      for (let number = 0; number < OBJECTS; number += 1)
        yield { key: segmentKey(idOf(number)), bytes: batch.length, modifiedMs: 0 }
    },
  }),
}

const summary = new VerifySummary()
let findings = 0
for await (const { severity, place, problem } of verify(ports, summary)) {
  findings += 1
  if (severity === 'error') console.error(place, problem)
}
const { entries, objects: looked } = summary
console.log(JSON.stringify({ entries, objects: looked, findings }))
