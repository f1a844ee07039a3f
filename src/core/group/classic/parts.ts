import { ByteReader, ByteWriter } from '../../bytes.ts'
import { TidemarkError } from '../../errors.ts'
import { CLASSIC_MEMBER_BYTES_MAX, CLASSIC_PART_BYTES_MAX } from '../../limits.ts'

/**
 * What members bring and are assigned means nothing to anybody but them, and can be larger than an item. So it stands in
 * items of its own, in parts. They are put before the group names them, and never change.
 */
export type PartName =
  /** Of what a member has joined with. */
  | { readonly kind: 'joined'; readonly generation: number; readonly id: string; readonly part: number }
  /** Of what a generation's leader has assigned to a member. */
  | {
      readonly kind: 'assigned'
      readonly generation: number
      readonly id: string
      readonly part: number
      readonly memberId: string
    }

/** A protocol that a member knows, and what it has to say under it. */
export interface Protocol {
  readonly name: string
  readonly metadata: Uint8Array
}

const VERSION = 1

/** Bytes as they stand in items: one at least. Each says how many there are. */
export function splitParts(bytes: Uint8Array): Uint8Array[] {
  const count = Math.max(1, Math.ceil(bytes.length / CLASSIC_PART_BYTES_MAX))
  return Array.from({ length: count }, (_, part) => {
    const begin = part * CLASSIC_PART_BYTES_MAX
    const content = bytes.subarray(begin, begin + CLASSIC_PART_BYTES_MAX)
    return new ByteWriter().byte(VERSION).number(count).raw(content).finish()
  })
}

/** One of them. @throws RangeError when it is no part of a version that is known */
export function readPart(item: Uint8Array): { readonly count: number; readonly content: Uint8Array } {
  const reader = new ByteReader(item)
  const version = reader.byte()
  if (version !== VERSION) throw new RangeError(`a part of version ${version} is not known`)
  const count = reader.number()
  if (count < 1) throw new RangeError('a part is one of none')
  return { count, content: reader.rest() }
}

/** @throws INVALID_REQUEST where a member brings more than is kept, or is assigned it */
export function checkMemberBytes(bytes: Uint8Array): void {
  if (bytes.length <= CLASSIC_MEMBER_BYTES_MAX) return
  throw new TidemarkError(
    'INVALID_REQUEST',
    `A member joins with at most ${CLASSIC_MEMBER_BYTES_MAX} bytes, and is assigned no more; these are ${bytes.length}.`,
  )
}

/** What a member joins with, as bytes. */
export function encodeProtocols(protocols: readonly Protocol[]): Uint8Array {
  const writer = new ByteWriter().number(protocols.length)
  for (const { name, metadata } of protocols) writer.block(Buffer.from(name)).block(metadata)
  return writer.finish()
}

/** @throws RangeError when the bytes are no protocols */
export function decodeProtocols(bytes: Uint8Array): Protocol[] {
  const reader = new ByteReader(bytes)
  const count = reader.number()
  if (count > bytes.length) throw new RangeError(`a member cannot have ${count} protocols`)
  return Array.from({ length: count }, () => ({
    name: Buffer.from(reader.block()).toString(),
    metadata: reader.block(),
  }))
}
