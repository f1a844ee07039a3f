/**
 * What a large group costs: node bench/groups.ts [--members 1000] [--topics 10] [--partitions 1000] [--join-ms 1000] [--store-ms 5]
 * Partitions are those of each topic. Time is virtual, and the store in memory; sizes are those of items in DynamoDB.
 */
import { parseArgs } from 'node:util'
import { TABLE_ITEM_BYTES_MAX } from '../src/core/limits.ts'
import { type Change, runLargeGroup } from './large-group.ts'
import { formatNumber, formatTable } from './table.ts'

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '1000' },
    topics: { type: 'string', default: '10' },
    partitions: { type: 'string', default: '1000' },
    'join-ms': { type: 'string', default: '1000' },
    'store-ms': { type: 'string', default: '5' },
  },
})
const settings = {
  members: Number(values.members),
  topics: Number(values.topics),
  partitionsPerTopic: Number(values.partitions),
  joinMs: Number(values['join-ms']),
  storeMs: Number(values['store-ms']),
}
const startedMs = performance.now()
const { changes, steady, largestItems } = await runLargeGroup(settings)
const seconds = (performance.now() - startedMs) / 1000

const { members, topics, partitionsPerTopic, storeMs } = settings
console.log(
  `${formatNumber(members)} members, ${formatNumber(topics * partitionsPerTopic)} partitions of ${topics} topics, ` +
    `${storeMs} ms for each read and write; ${formatNumber(seconds, 1)} s\n`,
)
console.log(formatTable(changes.map(changeRow)))
const { heartbeats, plain, looks } = steady
console.log(
  `\nSteady: of ${formatNumber(heartbeats)} heartbeats ${formatNumber(plain)} were one read and one write. ` +
    `${heartbeats - plain} looked at the members, and read ${formatNumber(looks.readUnits)} units of 4 KiB.`,
)
const items = Object.entries(largestItems).map(([kind, bytes]) => `${kind} ${formatNumber(bytes)}`)
console.log(`Largest items in bytes, of ${formatNumber(TABLE_ITEM_BYTES_MAX)} at most: ${items.join(', ')}`)

function changeRow(change: Change): Record<string, string> {
  const { calls } = change
  return {
    '': change.name,
    'whole after s': formatNumber(change.settledMs / 1000, 1),
    heartbeats: formatNumber(change.heartbeats),
    'of one': formatNumber(change.heartbeatsOfOne),
    'targets worked out': formatNumber(change.targets),
    'of them set': formatNumber(change.targetsSet),
    writes: formatNumber(calls.writes),
    reads: formatNumber(calls.reads),
    'read units': formatNumber(calls.readUnits),
    moved: formatNumber(change.moved),
    'at least': formatNumber(change.movedMin),
  }
}
