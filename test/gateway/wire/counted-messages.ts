/** Messages that are filled by counting, as test/kafka/MessageSchemas.java fills Kafka's own. */
import { covers, type Field, type Fields, type Shape } from '../../../src/gateway/wire/schema.ts'
import type { Message } from './messages.ts'

class Counter {
  #count = 0

  next(): number {
    return ++this.#count
  }
}

export function countedMessage(fields: Fields, version: number, counter = new Counter()): Message {
  const present = Object.entries(fields).filter(([, { versions }]) => covers(versions, version))
  const plain = present.filter(([, { tag }]) => tag === undefined)
  const tagged = present
    .filter(([, { tag }]) => tag !== undefined)
    .sort(([, one], [, other]) => one.tag! - other.tag!)
  const message: Record<string, unknown> = {}
  for (const [name, field] of plain) message[name] = fieldValue(field, version, counter)
  for (const [name, field] of tagged) {
    if (counter.next() % 3 !== 0) message[name] = fieldValue(field, version, counter)
  }
  return message
}

function fieldValue({ shape, nullVersions }: Field, version: number, counter: Counter): unknown {
  if (covers(nullVersions, version) && counter.next() % 4 === 0) return null
  if (shape.kind !== 'array') return shapeValue(shape, version, counter)
  const length = 1 + (counter.next() % 2)
  return Array.from({ length }, () => shapeValue(shape.of, version, counter))
}

function shapeValue(shape: Shape, version: number, counter: Counter): unknown {
  if (shape.kind === 'struct') return countedMessage(shape.fields, version, counter)
  const count = counter.next()
  switch (shape.kind) {
    case 'int8':
      return count % 100
    case 'int16':
      return count * 7
    case 'int32':
      return count * 1_000_003
    case 'int64':
      return count * 5_000_000_029
    case 'float64':
      return count + 0.5
    case 'boolean':
      return count % 2 === 1
    case 'uuid':
      return `${hex(count, 16)}${hex(-count, 16)}`.replace(
        /^(.{8})(.{4})(.{4})(.{4})(.{12})$/,
        '$1-$2-$3-$4-$5',
      )
    case 'string':
      return `é${'x'.repeat(count % 7)}`
    case 'bytes':
      return Uint8Array.of(count, 3)
    default:
      return Uint8Array.of(count, 1, 2)
  }
}

function hex(value: number, digits: number): string {
  return BigInt.asUintN(digits * 4, BigInt(value))
    .toString(16)
    .padStart(digits, '0')
}
