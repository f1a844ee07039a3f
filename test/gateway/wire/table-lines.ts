import { APIS } from '../../../src/gateway/wire/apis.ts'
import { covers, type Field, type Fields, NO_UUID, type Shape } from '../../../src/gateway/wire/schema.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from './consumer-protocol.ts'

/** Where Kafka's own schemas stand, a line each, as test/kafka/compare-tables.ts has written them. */
export const KAFKA_LINES = new URL('./kafka-4.4.0-tables.txt', import.meta.url)
/** And where messages stand that Kafka's client has written: `<api> <side> <version> <bytes in hex>`. */
export const KAFKA_EXAMPLES = new URL('./kafka-4.4.0-examples.txt', import.meta.url)

/** Where ours reach further back. */
const OLDEST_IN_KAFKA: Readonly<Record<string, number>> = { Produce: 3, ListOffsets: 1 }

/** Our tables, a line for each version of each message, and a line of the defaults that show on the wire. */
export function ourLines(): string[] {
  const lines = [...APIS.values()].flatMap(api =>
    (['request', 'response'] as const).flatMap(side => {
      const fields = api.fields[side]
      const versions = between(...api.versions).map(version => {
        const isFlexible = api.isFlexible(version)
        const form = { version, isFlexible }
        return `${api.key} ${api.name} ${side} ${version}${isFlexible ? ' flexible' : ''}: ${lineOf(fields, form)}`
      })
      const kept = [OLDEST_IN_KAFKA[api.name] ?? api.versions[0], api.versions[1]] as const
      return [...versions, `${api.key} ${api.name} ${side} defaults: ${defaultsOf(fields, kept)}`]
    }),
  )
  const data = Object.entries({ ConsumerProtocolSubscription, ConsumerProtocolAssignment })
  for (const [name, { fields, versions }] of data) {
    for (const version of between(...versions)) {
      lines.push(`${name} ${version}: ${lineOf(fields, { version, isFlexible: false })}`)
    }
    lines.push(`${name} defaults: ${defaultsOf(fields, versions)}`)
  }
  return lines
}

interface Form {
  readonly version: number
  readonly isFlexible: boolean
}

function lineOf(fields: Fields, form: Form): string {
  const present = Object.entries(fields).filter(([, { versions }]) => covers(versions, form.version))
  const plain = present.filter(([, { tag }]) => tag === undefined)
  const tagged = present
    .filter(([, { tag }]) => tag !== undefined)
    .sort(([, one], [, other]) => one.tag! - other.tag!)
  const words = [...plain, ...tagged].map(([name, field]) => {
    const tag = field.tag === undefined ? '' : `#${field.tag} `
    const mayBeNull = covers(field.nullVersions, form.version) ? '?' : ''
    return `${tag}${name} ${shapeText(field.shape, form)}${mayBeNull}`
  })
  return [...words, ...(form.isFlexible ? ['tags'] : [])].join(', ')
}

function shapeText(shape: Shape, form: Form): string {
  switch (shape.kind) {
    case 'struct':
      return `{ ${lineOf(shape.fields, form)} }`
    case 'array':
      return `${form.isFlexible ? 'compact ' : ''}[${shapeText(shape.of, form)}]`
    case 'string':
    case 'bytes':
    case 'records':
      return `${form.isFlexible ? 'compact ' : ''}${shape.kind}`
    default:
      return shape.kind
  }
}

/** Of the fields that some version lacks, or that are tagged: only theirs anybody sees on the wire. */
function defaultsOf(fields: Fields, versions: readonly [number, number], path = ''): string {
  return Object.entries(fields)
    .filter(([, field]) => field.versions.to >= versions[0])
    .flatMap(([name, field]) => {
      const inner = innerFields(field.shape)
      const nested = inner && defaultsOf(inner, versionsOf(field, versions), `${path}${name}.`)
      const own = isSeen(field, versions) ? [`${path}${name}=${defaultText(field)}`] : []
      return [...own, ...(nested ? [nested] : [])]
    })
    .join(', ')
}

function isSeen(field: Field, [first, last]: readonly [number, number]): boolean {
  return field.tag !== undefined || !covers(field.versions, first) || !covers(field.versions, last)
}

function versionsOf(field: Field, [first, last]: readonly [number, number]): readonly [number, number] {
  return [Math.max(first, field.versions.from), Math.min(last, field.versions.to)]
}

function innerFields(shape: Shape): Fields | undefined {
  if (shape.kind === 'array') return innerFields(shape.of)
  return shape.kind === 'struct' ? shape.fields : undefined
}

function defaultText({ shape, fallback }: Field): string {
  if (fallback === null) return 'null'
  if (['struct', 'array', 'bytes', 'records'].includes(shape.kind)) return 'empty'
  if (shape.kind === 'uuid') return JSON.stringify(fallback ?? NO_UUID)
  if (shape.kind === 'string') return JSON.stringify(fallback ?? '')
  if (shape.kind === 'boolean') return String(fallback ?? false)
  return String(fallback ?? 0)
}

function between(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
