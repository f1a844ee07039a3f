import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import { KEY_ATTRIBUTES } from '../../../core/storage-layout.ts'

export type Item = Record<string, AttributeValue>

/** How fields of one type stand in an item, or do not. */
export interface OptionalKind<Field> {
  /** undefined: the attribute is left out. */
  write(field: Field): AttributeValue | undefined
  /** @throws RangeError where the attribute is missing or no such field */
  read(value: AttributeValue | undefined, name: string): Field
}

export interface Kind<Field> extends OptionalKind<Field> {
  write(field: Field): AttributeValue
}

export const whole: Kind<number> = {
  write: number,
  read(value, name) {
    const read = Number(value?.N)
    return Number.isSafeInteger(read) ? read : missing(name)
  },
}

export const offset: Kind<Offset> = {
  write: number,
  read: (value, name) => toOffset(whole.read(value, name)),
}

export const text: Kind<string> = {
  write: string,
  read: (value, name) => value?.S ?? missing(name),
}

export const truth: Kind<boolean> = {
  write: BOOL => ({ BOOL }),
  read: (value, name) => value?.BOOL ?? missing(name),
}

export const bytes: Kind<Uint8Array> = {
  write: B => ({ B }),
  read: (value, name) => value?.B ?? missing(name),
}

/** As bytes, which the core lays out. */
export function encoded<Field>(
  encode: (field: Field) => Uint8Array,
  decode: (bytes: Uint8Array) => Field,
): Kind<Field> {
  return {
    write: field => bytes.write(encode(field)),
    read: (value, name) => decode(bytes.read(value, name)),
  }
}

/** A list: a set has no order and must not be empty. */
export function list<Field>(kind: Kind<Field>): Kind<readonly Field[]> {
  return {
    write: all => ({ L: all.map(each => kind.write(each)) }),
    read: (value, name) => (value?.L ?? missing(name)).map(each => kind.read(each, name)),
  }
}

/** A map, whose members an expression can name. */
export function map<Field>(kind: Kind<Field>): Kind<Readonly<Record<string, Field>>> {
  return {
    write: all => ({ M: mapMembers(all, each => kind.write(each)) }),
    read: (value, name) => mapMembers(value?.M ?? missing(name), kind.read),
  }
}

/** @param what `a state`, as the error for any other one calls it */
export function oneOf<Name extends string>(what: string, ...names: readonly Name[]): Kind<Name> {
  return {
    write: string,
    read(value, attribute) {
      const read = text.read(value, attribute)
      const known = names.find(name => name === read)
      if (known === undefined) throw new RangeError(`${what} "${read}" is not known`)
      return known
    },
  }
}

/** null is an attribute that is not there. */
export function orNull<Field>(kind: Kind<Field>): OptionalKind<Field | null> {
  return {
    write: field => (field === null ? undefined : kind.write(field)),
    read: (value, name) => (value === undefined ? null : kind.read(value, name)),
  }
}

/** As orNull, for a field that can be left out. */
export function orAbsent<Field>(kind: Kind<Field>): OptionalKind<Field | undefined> {
  return {
    write: field => (field === undefined ? undefined : kind.write(field)),
    read: (value, name) => (value === undefined ? undefined : kind.read(value, name)),
  }
}

/** The fields of an object as attributes of an item, both ways; decoding throws RangeError where one is missing. */
export function fields<T extends object>(
  names: { readonly [Field in keyof T]-?: string },
  kinds: { readonly [Field in keyof T]-?: OptionalKind<T[Field]> },
): { encode(from: T): Item; decode(item: Item): T } {
  const all = Object.keys(kinds) as (keyof T)[]
  return {
    encode(from) {
      const item: Item = {}
      for (const field of all) {
        const value = kinds[field].write(from[field])
        if (value !== undefined) item[names[field]] = value
      }
      return item
    },
    decode(item) {
      const read: Partial<T> = {}
      for (const field of all) {
        const value = kinds[field].read(item[names[field]], names[field])
        if (value !== undefined) read[field] = value
      }
      return read as T
    },
  }
}

export function itemKey(partition: string, sort: string): Item {
  return { [KEY_ATTRIBUTES.partition]: string(partition), [KEY_ATTRIBUTES.sort]: string(sort) }
}

export function sortKeyOf(item: Item): string {
  return text.read(item[KEY_ATTRIBUTES.sort], KEY_ATTRIBUTES.sort)
}

export function partitionKeyOf(item: Item): string {
  return text.read(item[KEY_ATTRIBUTES.partition], KEY_ATTRIBUTES.partition)
}

export function number(value: number): AttributeValue {
  return { N: String(value) }
}

export function string(value: string): AttributeValue {
  return { S: value }
}

function mapMembers<From, To>(
  members: Readonly<Record<string, From>>,
  change: (member: From, name: string) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, change(member, name)]))
}

function missing(attribute: string): never {
  throw new RangeError(`an item has no attribute "${attribute}" that can be read`)
}
