/** Messages with every field that a version has, drawn from the tables. */
import fc from 'fast-check'
import type { AnyApi } from '../../../src/gateway/wire/api.ts'
import { APIS } from '../../../src/gateway/wire/apis.ts'
import { covers, type Field, type Fields, NO_UUID, type Shape } from '../../../src/gateway/wire/schema.ts'

export type Message = { readonly [name: string]: unknown }

/** Every version of every API. */
export const VERSIONS: readonly { name: string; api: AnyApi; version: number }[] = [...APIS.values()].flatMap(
  api => {
    const [first, last] = api.versions
    return Array.from({ length: last - first + 1 }, (_, index) => {
      return { name: `${api.name} ${first + index}`, api, version: first + index }
    })
  },
)

interface Drawing {
  /** Elements of an array at most. */
  readonly elements: number
  /** No nulls, no empty arrays: every field takes as many bytes as it can. */
  readonly isFull: boolean
  /** Fields left at their defaults, by name. */
  readonly without?: (name: string, field: Field) => boolean
}

export function messages(
  fields: Fields,
  version: number,
  drawing: Drawing = { elements: 3, isFull: false },
): fc.Arbitrary<Message> {
  const present = Object.entries(fields).filter(
    ([name, field]) => covers(field.versions, version) && !drawing.without?.(name, field),
  )
  return fc.record(
    Object.fromEntries(present.map(([name, field]) => [name, valuesOf(field, version, drawing)])),
    { noNullPrototype: true },
  )
}

function valuesOf(field: Field, version: number, drawing: Drawing): fc.Arbitrary<unknown> {
  const values = shapeValues(field.shape, version, drawing)
  return covers(field.nullVersions, version) && !drawing.isFull ? fc.option(values, { freq: 3 }) : values
}

function shapeValues(shape: Shape, version: number, drawing: Drawing): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'struct':
      return messages(shape.fields, version, drawing)
    case 'array': {
      const minLength = drawing.isFull ? 1 : 0
      return fc.array(shapeValues(shape.of, version, drawing), { minLength, maxLength: drawing.elements })
    }
    default:
      return PRIMITIVES[shape.kind]
  }
}

const int64 = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(-1, 0, 2 ** 32, -(2 ** 32), -(2 ** 53) + 1))

const PRIMITIVES: Readonly<Record<Exclude<Shape['kind'], 'struct' | 'array'>, fc.Arbitrary<unknown>>> = {
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  int32: fc.integer(),
  int64,
  float64: fc.double({ noNaN: true }),
  boolean: fc.boolean(),
  uuid: fc.oneof(fc.uuid(), fc.constant(NO_UUID)),
  string: fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 200 })),
  bytes: fc.uint8Array({ maxLength: 50 }),
  records: fc.uint8Array({ maxLength: 50 }),
}

/** What reading gives of what was written in a version: that, and the defaults of what the version lacks. */
export function readBack(fields: Fields, version: number, written: Message): Message {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const value = written[name]
      return [name, value === undefined ? defaultOf(field) : shapeBack(field.shape, version, value)]
    }),
  )
}

function shapeBack(shape: Shape, version: number, value: unknown): unknown {
  if (value === null) return null
  if (shape.kind === 'struct') return readBack(shape.fields, version, value as Message)
  if (shape.kind === 'array') return (value as unknown[]).map(one => shapeBack(shape.of, version, one))
  return value
}

function defaultOf({ fallback, shape }: Field): unknown {
  if (fallback !== undefined) return fallback
  if (shape.kind === 'struct') {
    return Object.fromEntries(Object.entries(shape.fields).map(([name, field]) => [name, defaultOf(field)]))
  }
  if (shape.kind === 'array') return []
  if (shape.kind === 'string') return ''
  if (shape.kind === 'bytes' || shape.kind === 'records') return new Uint8Array(0)
  if (shape.kind === 'uuid') return NO_UUID
  return shape.kind === 'boolean' ? false : 0
}
