import { type Budget, untilDeadline } from '../../../src/broker/settling/budget.ts'
import {
  type Maintained,
  type MaintainRequest,
  maintain,
  type Progress,
} from '../../../src/broker/settling/maintain.ts'
import { type SettlingSettings, settlingSettings } from '../../../src/broker/settling/settling-settings.ts'
import { countedIn } from '../../../src/core/log/settled/counted.ts'
import { levelsOf } from '../../../src/core/log/settled/levels.ts'
import type { Level, Segment } from '../../../src/core/log/settled/segment.ts'
import { sumOf } from '../../../src/core/log/settled/segment-sum.ts'
import { toPosition } from '../../../src/core/numbers.ts'
import { logObjectKey } from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { Harness, type ReadRecord, recordsIn } from '../harness.ts'

/** Small enough that a few records are rolled, and several rolled ones merged. */
export const TINY: SettlingSettings = settlingSettings({
  rollBytes: 1,
  rollEntries: 1,
  rollAgedBytes: 1,
  rollAgedMs: 0,
  rollYoungMs: 0,
  mergeSegmentsMin: 3,
  mergeSegmentsMax: 4,
  graceMs: 60_000,
  advanceMs: 1_000,
  roundMs: 5_000,
  resweepMs: 100_000,
})

/** A store whose logs settle when a test says so. */
export class SettlingHarness extends Harness {
  readonly progress: Progress[] = []

  async maintain(
    request: Partial<MaintainRequest> = {},
    settings: SettlingSettings = TINY,
    ports: Ports = this.ports,
  ): Promise<Maintained> {
    const all = { upkeep: true, ...request }
    return await this.run(maintain(ports, settings, all, this.budget(), each => this.progress.push(each)))
  }

  budget(durationMs = 60_000): Budget {
    return untilDeadline(this.clock.monotonicMs() + durationMs)
  }

  async head(partition: PartitionId) {
    const head = await this.plain.index.readHead(partition)
    if (!head) throw new Error('there is no head')
    return head
  }

  /** Every object's key, in order. */
  async objects(prefix = ''): Promise<string[]> {
    const keys: string[] = []
    for await (const { key } of this.plain.objects.list(prefix)) keys.push(key)
    return keys
  }

  async segments(partition: PartitionId): Promise<{ level: Level; segment: Segment }[]> {
    const found: { level: Level; segment: Segment }[] = []
    for await (const placed of this.plain.index.segments(partition)) found.push(placed)
    return found
  }

  async notes(): Promise<unknown[]> {
    const found: unknown[] = []
    for (const kind of ['intent', 'dead', 'topic'] as const)
      for await (const note of this.plain.upkeep.notes(kind)) found.push(note)
    return found
  }

  /** What readers find from the log's start up to settledOffset: offset and value of each record. */
  async settledRecords(partition: PartitionId): Promise<ReadRecord[]> {
    const { settled, startOffset } = await this.head(partition)
    const all = await this.segments(partition)
    const records: ReadRecord[] = []
    for (const { level, lo, hi } of levelsOf(settled)) {
      const standing = all.filter(placed => placed.level === level).map(({ segment }) => segment)
      for (const { baseOffset, id, bytes, end } of countedIn(standing, lo, hi)) {
        const object = await this.plain.objects.get(
          logObjectKey(partition, baseOffset, id),
          toPosition(0),
          bytes,
        )
        if (!object) throw new Error(`the object at ${baseOffset} is missing`)
        const counts = ({ offset }: ReadRecord) =>
          offset >= Math.max(lo, startOffset) && offset < Math.min(hi, end)
        records.push(...recordsIn([object]).filter(counts))
      }
    }
    return records
  }

  /** What does not fit together in a log: of boundaries, sums, and objects that are missing. */
  async problems(partition: PartitionId): Promise<string[]> {
    const problems: string[] = []
    const { settled } = await this.head(partition)
    const all = await this.segments(partition)
    const objects = new Set(await this.objects('log/'))
    const counted: Segment[] = []
    for (const { level, lo, hi } of levelsOf(settled)) {
      const chain = countedIn(
        all.filter(placed => placed.level === level).map(({ segment }) => segment),
        lo,
        hi,
      )
      let next = lo
      for (const segment of chain) {
        if (segment.baseOffset > next || (segment.baseOffset < next && segment !== chain[0]))
          problems.push(`level ${level} goes on at ${segment.baseOffset} and not at ${next}`)
        if (!objects.has(logObjectKey(partition, segment.baseOffset, segment.id)))
          problems.push(`the object at ${segment.baseOffset} is missing`)
        next = segment.end
      }
      if (next < hi) problems.push(`level ${level} ends at ${next} and not at ${hi}`)
      counted.push(...chain)
    }
    const { segmentSum, bytes } = sumOf(counted)
    if (segmentSum !== settled.segmentSum || bytes !== settled.bytes)
      problems.push(`the sums are ${settled.segmentSum}, ${settled.bytes} and not ${segmentSum}, ${bytes}`)
    return problems
  }
}
