import { ByteReader, ByteWriter } from '../bytes.ts'
import { idBytes, readId } from '../log/producers/producer-run.ts'
import { SEQUENCES } from '../log/producers/producer-state.ts'
import { type Parking, toErrorName } from './outbox-item.ts'

/**
 * What the relays of one partition agree on: which items are to go where, before anything of it is done. It changes only from one
 * version to the next, so that of several relays one decides, and all others can do what it has decided. All of that may be done
 * any number of times: the log takes a move once, since the lane is an idempotent producer of it.
 */
export interface Lane {
  /** New with every change. */
  readonly version: string
  readonly producerId: bigint
  readonly epoch: number
  /** What the next move begins with. */
  readonly nextSequence: number
  /** What was decided last. It is done when the first of its items is gone, which is removed last. */
  readonly doing?: Doing | undefined
}

/** Items that go into the log, or aside. */
export type Doing = Move | Park

export interface Move {
  readonly kind: 'move'
  readonly keys: readonly string[]
  /** The first record's number. */
  readonly sequence: number
  readonly records: number
  /** When it was decided, by the clock of whoever did. */
  readonly decidedMs: number
}

export interface Park extends Parking {
  readonly kind: 'park'
  readonly keys: readonly string[]
  readonly decidedMs: number
}

/** Kafka's epochs have 15 bits. */
const EPOCH_MAX = 32_767

/** @param id random: 32 hexadecimal digits */
function producerIdOf(id: string): bigint {
  return BigInt(`0x${id.slice(0, 16)}`) >> 1n
}

/** The lane of a partition that had none. @param id random, for its producer */
export function newLane(id: string): Omit<Lane, 'version'> {
  return { producerId: producerIdOf(id), epoch: 0, nextSequence: 0 }
}

/** Only once what was decided before is done. */
export function decideMove(
  lane: Omit<Lane, 'version'>,
  version: string,
  { keys, records }: Pick<Move, 'keys' | 'records'>,
  nowMs: number,
): Lane {
  const sequence = lane.nextSequence
  const nextSequence = (sequence + records) % SEQUENCES
  return {
    ...lane,
    version,
    nextSequence,
    doing: { kind: 'move', keys, sequence, records, decidedMs: nowMs },
  }
}

/** Only once what was decided before is done; or in place of a move that can never be done, and was not. */
export function decidePark(
  lane: Omit<Lane, 'version'>,
  version: string,
  keys: readonly string[],
  { error, reason }: Parking,
  nowMs: number,
): Lane {
  return { ...lane, version, doing: { kind: 'park', keys, error, reason, decidedMs: nowMs } }
}

/**
 * The same move under another number, where the log knows less of the lane than the lane does: its index was made anew. Nothing
 * under the number of before can be taken any more.
 * @param id random, for a producer where the epochs are used up
 */
export function renumber(lane: Lane, move: Move, version: string, id: string): Lane {
  return { ...withdraw(lane, version, id), nextSequence: move.records, doing: { ...move, sequence: 0 } }
}

/**
 * Nothing, in place of a move that cannot be done as it was decided, and was not: what was written over is to be looked at anew.
 * @param id as of renumber
 */
export function withdraw({ producerId, epoch }: Lane, version: string, id: string): Lane {
  const isLast = epoch === EPOCH_MAX
  return {
    version,
    producerId: isLast ? producerIdOf(id) : producerId,
    epoch: isLast ? 0 : epoch + 1,
    nextSequence: 0,
  }
}

const VERSION = 1
const NOTHING = 0
const MOVE = 1
const PARK = 2

/** All of it but its version, which a condition has to see. */
export function encodeLane({ producerId, epoch, nextSequence, doing }: Lane): Uint8Array {
  const writer = new ByteWriter().byte(VERSION).raw(idBytes(producerId)).number(epoch).number(nextSequence)
  if (!doing) return writer.byte(NOTHING).finish()
  writer.byte(doing.kind === 'move' ? MOVE : PARK).number(doing.decidedMs)
  if (doing.kind === 'move') writer.number(doing.sequence).number(doing.records)
  else writer.block(Buffer.from(doing.error)).block(Buffer.from(doing.reason))
  for (const key of doing.keys) writer.block(Buffer.from(key))
  return writer.finish()
}

/** @throws RangeError when the bytes are no lane of a version that is known */
export function decodeLane(version: string, bytes: Uint8Array): Lane {
  const reader = new ByteReader(bytes)
  const format = reader.byte()
  if (format !== VERSION) throw new RangeError(`a lane of version ${format} is not known`)
  const lane = {
    version,
    producerId: readId(reader),
    epoch: reader.number(),
    nextSequence: reader.number(),
  }
  const kind = reader.byte()
  if (kind === NOTHING) return lane
  if (kind !== MOVE && kind !== PARK) throw new RangeError(`a lane that does ${kind} is not known`)
  const decidedMs = reader.number()
  if (kind === MOVE) {
    const [sequence, records] = [reader.number(), reader.number()]
    return { ...lane, doing: { kind: 'move', decidedMs, sequence, records, keys: readKeys(reader) } }
  }
  const [error, reason] = [toErrorName(readText(reader)), readText(reader)]
  return { ...lane, doing: { kind: 'park', decidedMs, error, reason, keys: readKeys(reader) } }
}

function readKeys(reader: ByteReader): string[] {
  const keys: string[] = []
  while (!reader.isAtEnd) keys.push(readText(reader))
  return keys
}

function readText(reader: ByteReader): string {
  return Buffer.from(reader.block()).toString()
}
