/**
 * What the tables of messages are made of. A table is data; the types of what is read and written are inferred
 * from it, and compile.ts makes its decoders and encoders. Names, types and versions are those of Kafka's
 * protocol, in which a field exists in a range of versions, may be null in a range, has a default where it
 * does not exist, and may be tagged: written by number, and only when it differs from its default.
 */

/** `3`, `0-12` or `4+`. */
export type Versions = `${number}` | `${number}-${number}` | `${number}+`

export interface VersionRange {
  readonly from: number
  readonly to: number
}

export type Primitive =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'boolean'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'

export type Shape =
  | { readonly kind: Primitive }
  | { readonly kind: 'array'; readonly of: Shape }
  | { readonly kind: 'struct'; readonly fields: Fields }

export type Fields = { readonly [name: string]: Field }

const ALL_VERSIONS: VersionRange = { from: 0, to: Number.POSITIVE_INFINITY }

/** The id that says "no id". */
export const NO_UUID = '00000000-0000-0000-0000-000000000000'

/** What is allowed is not told, since nobody asked: the authorized operations' default. */
export const NO_OPERATIONS = -2_147_483_648

/**
 * A field of a message. `Read` is what a decoder gives; `Written` what an encoder takes; an optional field may be
 * left out when writing, and is its default then.
 */
export class Field<Read = unknown, Written = unknown, Optional extends boolean = boolean> {
  /** Never there at run time: only for the inference. */
  declare readonly types: { read: Read; written: Written; optional: Optional }
  readonly shape: Shape
  readonly versions: VersionRange
  readonly nullVersions: VersionRange | undefined
  readonly tag: number | undefined
  /** Undefined: the zero of its type. */
  readonly fallback: unknown

  constructor(shape: Shape, rest?: Partial<Omit<Field, 'types' | 'shape'>>) {
    this.shape = shape
    this.versions = rest?.versions ?? ALL_VERSIONS
    this.nullVersions = rest?.nullVersions
    this.tag = rest?.tag
    this.fallback = rest?.fallback
  }

  /** In other versions it is not on the wire; reading gives the default, writing leaves it out. */
  in(versions: Versions): Field<Read, Written, true> {
    return new Field(this.shape, { ...this, versions: parseVersions(versions) })
  }

  nullable(versions: Versions = '0+'): Field<Read | null, Written | null, Optional> {
    return new Field(this.shape, { ...this, nullVersions: parseVersions(versions) })
  }

  orElse(fallback: Written): Field<Read, Written, true> {
    return new Field(this.shape, { ...this, fallback })
  }

  /** Only in flexible versions, as a tagged field. */
  tagged(tag: number, versions: Versions): Field<Read, Written, true> {
    return new Field(this.shape, { ...this, tag, versions: parseVersions(versions) })
  }
}

/** What reading gives: every field of every version. */
export type ReadOf<F extends Fields> = { readonly [K in keyof F]: F[K]['types']['read'] }

/** What writing takes. */
export type WrittenOf<F extends Fields> = Flat<
  {
    readonly [K in keyof F as F[K]['types']['optional'] extends true ? never : K]: F[K]['types']['written']
  } & {
    readonly [K in keyof F as F[K]['types']['optional'] extends true ? K : never]?:
      | F[K]['types']['written']
      | undefined
  }
>

type Flat<T> = { [K in keyof T]: T[K] }

type ElementRead<T> = T extends Field<infer R> ? R : T extends Fields ? ReadOf<T> : never
type ElementWritten<T> = T extends Field<unknown, infer W> ? W : T extends Fields ? WrittenOf<T> : never

/** A number of the given width. An int64 beyond 2^53 is read as the nearest number. */
export const int8 = primitive<number>('int8')
export const int16 = primitive<number>('int16')
export const int32 = primitive<number>('int32')
export const int64 = primitive<number>('int64')
export const float64 = primitive<number>('float64')
export const bool = primitive<boolean>('boolean')
/** 36 characters, as in `123e4567-e89b-12d3-a456-426614174000`. */
export const uuid = primitive<string>('uuid')
export const string = primitive<string>('string')
/** Read as a copy, since it may be kept for longer than its frame. */
export const bytes = primitive<Uint8Array>('bytes')
/** Record batches, read as a view of the frame and written by reference: never copied. */
export const records: Field<Uint8Array, Uint8Array | readonly Uint8Array[], false> = new Field({
  kind: 'records',
})

export function array<T extends Field | Fields>(
  of: T,
): Field<readonly ElementRead<T>[], readonly ElementWritten<T>[], false> {
  const shape: Shape = of instanceof Field ? of.shape : { kind: 'struct', fields: of }
  return new Field({ kind: 'array', of: shape })
}

export function struct<F extends Fields>(fields: F): Field<ReadOf<F>, WrittenOf<F>, false> {
  return new Field({ kind: 'struct', fields })
}

export function covers(range: VersionRange | undefined, version: number): boolean {
  return range !== undefined && range.from <= version && version <= range.to
}

function primitive<T>(kind: Primitive): Field<T, T, false> {
  return new Field({ kind })
}

function parseVersions(text: Versions): VersionRange {
  const [, from, sign, to] = /^(\d+)(?:(-)(\d+)|\+)?$/.exec(text) ?? []
  if (from === undefined) throw new RangeError(`${text} is no range of versions`)
  if (text.endsWith('+')) return { from: Number(from), to: Number.POSITIVE_INFINITY }
  return { from: Number(from), to: Number(sign === undefined ? from : to) }
}
