import { type Offset, toOffset } from '../../numbers.ts'
import type { Segment } from '../settled/segment.ts'
import { agingMs } from '../settled/waiting.ts'

/** One segment of the generation that a pass makes. */
export type Output =
  /** What is left of these between two offsets. */
  | {
      readonly kind: 'write'
      readonly baseOffset: Offset
      readonly end: Offset
      readonly inputs: readonly Segment[]
    }
  /** Its item goes to the next generation, with the object that it has. */
  | { readonly kind: 'take over'; readonly input: Segment }

export interface OutputRules {
  /** Where the first one begins. */
  readonly from: Offset
  /** Up to where it is cleaned; what follows stays as it is. */
  readonly clean: Offset
  /** Where the last one ends. */
  readonly to: Offset
  /** What one is made of at most, but for a single larger one. */
  readonly segmentBytes: number
  /** How much later than what one begins with its newest may be. */
  readonly spanMsMax: number
  /** In which stretch of time the tombstones have become clean that will stay of a segment; undefined: none stay. */
  tombstoneAge(segment: Segment): number | undefined
  /** Whether it is known that nothing of a segment goes. */
  staysWhole(segment: Segment): boolean
}

/**
 * The segments that a pass makes out of those that count, in order and without a gap. As in Kafka several small ones become
 * one, by what they have before they are cleaned: so it is known where one ends before it is written. Tombstones of different
 * ages stay apart: a segment knows one time for all that it has, and with younger ones each time the old would never go.
 * @param inputs in order, without a gap, from one that holds `from` on; where one begins before the one before it ends, it
 *   counts from there
 */
export function planOutputs(inputs: readonly Segment[], rules: OutputRules): Output[] {
  const { from, clean, to } = rules
  const outputs: Output[] = []
  let group: Segment[] = []
  let next = from
  const write = (end: Offset) => {
    if (group.length > 0) outputs.push({ kind: 'write', baseOffset: next, end, inputs: group })
    if (group.length > 0) next = end
    group = []
  }
  let reached = from
  for (const input of inputs) {
    if (input.end <= reached) continue
    const base = toOffset(Math.max(input.baseOffset, reached))
    if (base >= to) break
    reached = input.end
    if (input.baseOffset === base && input.end <= clean && rules.staysWhole(input)) {
      write(base)
      outputs.push({ kind: 'take over', input })
      next = input.end
      continue
    }
    if (base >= clean || !fits(input, group, rules)) write(base)
    if (base < clean) group.push(input)
    if (input.end <= clean) continue
    if (base < clean) write(clean)
    next = toOffset(Math.max(base, clean))
    if (next >= to) break
    // What begins below the boundary counts from there only, and its item cannot say so.
    if (input.baseOffset === next && input.end <= to) outputs.push({ kind: 'take over', input })
    else outputs.push({ kind: 'write', baseOffset: next, end: earlier(input.end, to), inputs: [input] })
    next = earlier(input.end, to)
  }
  write(earlier(clean, to))
  return outputs
}

function fits(input: Segment, group: readonly Segment[], rules: OutputRules): boolean {
  const [first] = group
  if (!first) return true
  const bytes = group.reduce((sum, each) => sum + each.bytes, input.bytes)
  if (bytes > rules.segmentBytes || agingMs(input) - agingMs(first) > rules.spanMsMax) return false
  const ages = [input, ...group].map(each => rules.tombstoneAge(each)).filter(age => age !== undefined)
  return ages.every(age => age === ages[0])
}

function earlier(one: Offset, other: Offset): Offset {
  return one < other ? one : other
}
