import type { Reader } from './reader.ts'
import { covers, type Field, type Fields, NO_UUID, type Primitive, type Shape } from './schema.ts'
import { Writer } from './writer.ts'

/** A value's decoder and encoder in one version of a message. */
export interface Codec {
  readonly read: (reader: Reader) => unknown
  readonly write: (writer: Writer, value: unknown) => void
  /** Fewer bytes than these no value takes: what an array's count is held against. */
  readonly leastBytes: number
}

type Named = { [name: string]: unknown }

/** A version of a message, or of a structure inside one. */
export interface Form {
  readonly version: number
  /** Lengths are varints, and tagged fields follow every structure. */
  readonly isFlexible: boolean
}

/** Made once for each table and version; everything that depends on the version is decided here, not per message. */
export function compileStruct(fields: Fields, form: Form, path = ''): Codec {
  const present = Object.entries(fields)
    .filter(([, field]) => covers(field.versions, form.version))
    .map(([name, field]) => compileField(name, field, form, path === '' ? name : `${path}.${name}`))
  const plain = present.filter(({ tag }) => tag === undefined)
  const tagged = present.filter(({ tag }) => tag !== undefined).sort((one, other) => one.tag! - other.tag!)
  const template = defaultsOf(fields)
  const byTag = new Map(tagged.map(field => [field.tag!, field]))

  const read = (reader: Reader): Named => {
    const value: Named = { ...template }
    for (const field of plain) {
      reader.field = field.path
      value[field.name] = field.codec.read(reader)
    }
    if (form.isFlexible) readTagged(reader, byTag, value, path)
    return value
  }

  const write = (writer: Writer, value: unknown): void => {
    const named = value as Named
    for (const field of plain) {
      const given = named[field.name]
      field.codec.write(writer, given === undefined ? field.fallback : given)
    }
    if (form.isFlexible) writeTagged(writer, tagged, named)
  }

  const leastBytes = plain.reduce((sum, { codec }) => sum + codec.leastBytes, form.isFlexible ? 1 : 0)
  return { read, write, leastBytes }
}

interface CompiledField {
  readonly name: string
  readonly path: string
  readonly tag: number | undefined
  readonly fallback: unknown
  readonly shape: Shape
  readonly codec: Codec
}

function compileField(name: string, field: Field, form: Form, path: string): CompiledField {
  const isNullable = covers(field.nullVersions, form.version)
  const codec = compileShape(field.shape, form, isNullable, path)
  return { name, path, tag: field.tag, fallback: fallbackOf(field), shape: field.shape, codec }
}

function readTagged(
  reader: Reader,
  byTag: ReadonlyMap<number, CompiledField>,
  value: Named,
  path: string,
): void {
  reader.field = path
  // Each takes two bytes or more, so a count that is too large ends soon.
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    const tag = reader.unsignedVarint()
    const length = reader.unsignedVarint()
    if (length > reader.left) reader.fail(`a tagged field of ${length} bytes, and ${reader.left} are left`)
    const field = byTag.get(tag)
    if (field === undefined) {
      reader.skip(length)
      continue
    }
    const end = reader.position + length
    reader.field = field.path
    value[field.name] = field.codec.read(reader)
    if (reader.position !== end) reader.fail(`the tagged field's length is wrong by ${reader.position - end}`)
    reader.field = path
  }
}

function writeTagged(writer: Writer, tagged: readonly CompiledField[], value: Named): void {
  // Mostly none is.
  if (!tagged.some(({ name }) => value[name] !== undefined)) {
    writer.unsignedVarint(0)
    return
  }
  const given = tagged.filter(({ name, shape, fallback }) => {
    const field = value[name]
    return field !== undefined && !isSame(shape, field, fallback)
  })
  writer.unsignedVarint(given.length)
  for (const { tag, name, codec } of given) {
    const inner = new Writer()
    codec.write(inner, value[name])
    writer.unsignedVarint(tag!)
    writer.unsignedVarint(inner.length)
    for (const chunk of inner.finish()) writer.copy(chunk)
  }
}

/** Whether a tagged field is at its default, where it stays off the wire. */
function isSame(shape: Shape, value: unknown, fallback: unknown): boolean {
  if (value === null || fallback === null) return value === fallback
  if (shape.kind === 'array' || shape.kind === 'bytes') {
    return (value as ArrayLike<unknown>).length === 0 && (fallback as ArrayLike<unknown>).length === 0
  }
  if (shape.kind !== 'struct') return value === fallback
  return Object.entries(shape.fields).every(([name, field]) => {
    const inner = (value as Named)[name]
    return inner === undefined || isSame(field.shape, inner, fallbackOf(field))
  })
}

function compileShape(shape: Shape, form: Form, isNullable: boolean, path: string): Codec {
  switch (shape.kind) {
    case 'struct':
      return compileNested(shape.fields, form, isNullable, path)
    case 'array':
      return compileArray(shape.of, form, isNullable, path)
    case 'string':
      return compileString(form, isNullable)
    case 'bytes':
      return compileBytes(form, isNullable)
    case 'records':
      return compileRecords(form, isNullable)
    default:
      return FIXED[shape.kind]
  }
}

const FIXED: Readonly<Record<Exclude<Primitive, 'string' | 'bytes' | 'records'>, Codec>> = {
  int8: {
    leastBytes: 1,
    read: reader => reader.int8(),
    write: (writer, value) => writer.int8(value as number),
  },
  int16: {
    leastBytes: 2,
    read: reader => reader.int16(),
    write: (writer, value) => writer.int16(value as number),
  },
  int32: {
    leastBytes: 4,
    read: reader => reader.int32(),
    write: (writer, value) => writer.int32(value as number),
  },
  int64: {
    leastBytes: 8,
    read: reader => reader.int64(),
    write: (writer, value) => writer.int64(value as number),
  },
  float64: {
    leastBytes: 8,
    read: reader => reader.float64(),
    write: (writer, value) => writer.float64(value as number),
  },
  boolean: {
    leastBytes: 1,
    read: reader => reader.boolean(),
    write: (writer, value) => writer.boolean(value as boolean),
  },
  uuid: {
    leastBytes: 16,
    read: reader => reader.uuid(),
    write: (writer, value) => writer.uuid(value as string),
  },
}

/** A structure that may be null has a byte before it that says so. */
function compileNested(fields: Fields, form: Form, isNullable: boolean, path: string): Codec {
  const codec = compileStruct(fields, form, path)
  if (!isNullable) return codec
  return {
    leastBytes: 1,
    read: reader => (reader.int8() < 0 ? null : codec.read(reader)),
    write: (writer, value) => {
      writer.int8(value === null ? -1 : 1)
      if (value !== null) codec.write(writer, value)
    },
  }
}

function compileArray(of: Shape, form: Form, isNullable: boolean, path: string): Codec {
  const element = compileShape(of, form, false, path)
  // An element without a field in this version would take no byte, and a count could be anything.
  const leastBytes = Math.max(1, element.leastBytes)
  const lengths = form.isFlexible ? COMPACT : WIDE
  return {
    leastBytes: lengths.leastBytes,
    read: reader => {
      const count = lengths.read(reader, isNullable)
      if (count < 0) return null
      reader.elements(count, leastBytes)
      const values: unknown[] = []
      for (let index = 0; index < count; index++) values.push(element.read(reader))
      return values
    },
    write: (writer, value) => {
      const values = value as readonly unknown[] | null
      if (values === null) return lengths.write(writer, isNullable ? -1 : 0)
      lengths.write(writer, values.length)
      for (const one of values) element.write(writer, one)
    },
  }
}

function compileString(form: Form, isNullable: boolean): Codec {
  const lengths = form.isFlexible ? COMPACT : NARROW
  return {
    leastBytes: lengths.leastBytes,
    read: reader => {
      const length = lengths.read(reader, isNullable)
      return length < 0 ? null : reader.string(length)
    },
    write: (writer, value) => {
      if (value === null) return lengths.write(writer, isNullable ? -1 : 0)
      const text = value as string
      const length = Buffer.byteLength(text)
      lengths.write(writer, length)
      writer.string(text, length)
    },
  }
}

function compileBytes(form: Form, isNullable: boolean): Codec {
  const lengths = form.isFlexible ? COMPACT : WIDE
  return {
    leastBytes: lengths.leastBytes,
    read: reader => {
      const length = lengths.read(reader, isNullable)
      return length < 0 ? null : reader.copy(length)
    },
    write: (writer, value) => {
      if (value === null) return lengths.write(writer, isNullable ? -1 : 0)
      const bytes = value as Uint8Array
      lengths.write(writer, bytes.length)
      writer.copy(bytes)
    },
  }
}

function compileRecords(form: Form, isNullable: boolean): Codec {
  const lengths = form.isFlexible ? COMPACT : WIDE
  return {
    leastBytes: lengths.leastBytes,
    read: reader => {
      const length = lengths.read(reader, isNullable)
      return length < 0 ? null : reader.view(length)
    },
    write: (writer, value) => {
      const given = value as Uint8Array | readonly Uint8Array[] | null
      if (given === null) return lengths.write(writer, isNullable ? -1 : 0)
      if (given instanceof Uint8Array) {
        lengths.write(writer, given.length)
        return writer.reference(given)
      }
      lengths.write(
        writer,
        given.reduce((sum, chunk) => sum + chunk.length, 0),
      )
      for (const chunk of given) writer.reference(chunk)
    },
  }
}

/** How the length of a string, of bytes or of an array is written; −1 is null. */
interface Lengths {
  readonly leastBytes: number
  readonly read: (reader: Reader, isNullable: boolean) => number
  readonly write: (writer: Writer, length: number) => void
}

const COMPACT: Lengths = {
  leastBytes: 1,
  read: (reader, isNullable) => checked(reader, reader.unsignedVarint() - 1, isNullable),
  write: (writer, length) => writer.unsignedVarint(length + 1),
}

const WIDE: Lengths = {
  leastBytes: 4,
  read: (reader, isNullable) => checked(reader, reader.int32(), isNullable),
  write: (writer, length) => writer.int32(length),
}

const NARROW: Lengths = {
  leastBytes: 2,
  read: (reader, isNullable) => checked(reader, reader.int16(), isNullable),
  write: (writer, length) => {
    if (length > 0x7fff) throw new RangeError(`a string of ${length} bytes is longer than 32,767`)
    writer.int16(length)
  },
}

function checked(reader: Reader, length: number, isNullable: boolean): number {
  if (length < (isNullable ? -1 : 0)) {
    reader.fail(length === -1 ? 'null, where none may be' : `a length of ${length}`)
  }
  return length
}

const NOTHING = Object.freeze([])
const NO_BYTES = new Uint8Array(0)

function defaultsOf(fields: Fields): Named {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fallbackOf(field)]))
}

function fallbackOf(field: Field): unknown {
  if (field.fallback !== undefined) return field.fallback
  switch (field.shape.kind) {
    case 'struct':
      return defaultsOf(field.shape.fields)
    case 'array':
      return NOTHING
    case 'string':
      return ''
    case 'bytes':
    case 'records':
      return NO_BYTES
    case 'boolean':
      return false
    case 'uuid':
      return NO_UUID
    default:
      return 0
  }
}
