/**
 * Holds our tables of messages against the schemas that Apache Kafka's own client carries, by reflection:
 * `node test/kafka/compare-tables.ts` prints every line that differs, and ends with 1 if any does; with `--write` it
 * writes Kafka's lines and examples down for the unit tests. Needs a JDK 17, Maven and a network.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { APIS } from '../../src/gateway/wire/apis.ts'
import { NO_UUID } from '../../src/gateway/wire/schema.ts'
import { KAFKA_EXAMPLES, KAFKA_LINES, ourLines } from '../gateway/wire/table-lines.ts'

const ARTIFACT = 'org.apache.kafka:kafka-clients:4.4.0'

interface KafkaType {
  readonly type: string
  readonly nullable: boolean
  readonly of?: KafkaType
  readonly fields?: readonly KafkaField[]
}

interface KafkaField extends KafkaType {
  readonly name: string
  readonly tag?: number
}

type Defaults = { readonly [name: string]: { readonly value: unknown; readonly fields?: Defaults } }

interface KafkaMessage {
  readonly key?: number
  readonly name: string
  readonly side: 'request' | 'response' | 'data'
  readonly versions: readonly {
    version: number
    header: number
    fields: readonly KafkaField[]
    example: string
  }[]
  readonly defaults: Defaults
}

const messages = readSchemas().filter(({ key }) => key === undefined || APIS.has(key))
const theirs = messages.flatMap(linesOf)
const ours = new Set(ourLines())
const differing = theirs.filter(line => !ours.has(line))
for (const line of differing) {
  const [start] = line.split(': ')
  console.log(`Kafka: ${line}\nours:  ${[...ours].find(one => one.startsWith(`${start}:`)) ?? 'nothing'}\n`)
}
const unchecked = [...ours].filter(line => !theirs.some(other => startOf(other) === startOf(line)))
console.log(`${theirs.length} lines of Kafka's, ${differing.length} differ`)
console.log(`Versions that ${ARTIFACT} no longer has: ${unchecked.map(startOf).join(', ')}`)
if (process.argv.includes('--write')) {
  writeFileSync(KAFKA_LINES, `${theirs.join('\n')}\n`)
  writeFileSync(KAFKA_EXAMPLES, `${messages.flatMap(examplesOf).join('\n')}\n`)
}
process.exitCode = differing.length > 0 ? 1 : 0

function examplesOf({ name, side, versions }: KafkaMessage): string[] {
  return versions.map(({ version, example }) => `${name} ${side} ${version} ${example}`)
}

function startOf(line: string): string {
  return line.split(':')[0]!.replace(' flexible', '')
}

function readSchemas(): KafkaMessage[] {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-clients-'))
  try {
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'
    execFileSync('mvn', ['-q', '-B', goal, `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${folder}`], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const program = join(import.meta.dirname, 'MessageSchemas.java')
    const text = execFileSync('java', ['-cp', join(folder, '*'), program], { maxBuffer: 64 * 1024 * 1024 })
    return JSON.parse(text.toString())
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function linesOf({ key, name, side, versions, defaults }: KafkaMessage): string[] {
  const start = side === 'data' ? name : `${key} ${name} ${side}`
  const lines = versions.map(({ version, header, fields }) => {
    // The answer that tells the versions has a header of its own.
    const isFlexible =
      name === 'ApiVersions' && side === 'response' ? version >= 3 : header === (side === 'request' ? 2 : 1)
    return `${start} ${version}${isFlexible ? ' flexible' : ''}: ${lineOf(fields)}`
  })
  const tables = versions.map(({ fields }) => fields)
  return [...lines, `${start} defaults: ${defaultsOf(tables, defaults)}`]
}

function lineOf(fields: readonly KafkaField[]): string {
  return fields
    .map(({ name, tag, ...type }) => {
      if (name === '_tagged') return 'tags'
      return `${tag === undefined ? '' : `#${tag} `}${camelCase(name)} ${typeText(type)}`
    })
    .join(', ')
}

function typeText({ type, nullable, of, fields }: KafkaType): string {
  const mayBeNull = nullable ? '?' : ''
  const compact = type.startsWith('COMPACT_') ? 'compact ' : ''
  if (of) return `${compact}[${typeText(of)}]${mayBeNull}`
  if (fields) return `{ ${lineOf(fields)} }${mayBeNull}`
  return `${compact}${type.replace('COMPACT_', '').replace('NULLABLE_', '').toLowerCase()}${mayBeNull}`
}

/** Of the fields that some of these versions lack, or that are tagged. */
function defaultsOf(tables: readonly (readonly KafkaField[])[], defaults: Defaults, path = ''): string {
  return Object.entries(defaults)
    .flatMap(([name, { value, fields }]) => {
      const forms = tables.flatMap(table => table.filter(field => camelCase(field.name) === name))
      const nested = fields && defaultsOf(forms.flatMap(fieldsOf), fields, `${path}${name}.`)
      const isSeen = forms.length < tables.length || forms.some(({ tag }) => tag !== undefined)
      return [...(isSeen ? [`${path}${name}=${defaultText(value)}`] : []), ...(nested ? [nested] : [])]
    })
    .join(', ')
}

function fieldsOf({ of, fields }: KafkaType): (readonly KafkaField[])[] {
  if (of) return fieldsOf(of)
  return fields ? [fields] : []
}

function defaultText(value: unknown): string {
  if (typeof value === 'object' && value !== null) return 'empty'
  // A UUID of zeros, as Kafka writes it.
  if (value === 'AAAAAAAAAAAAAAAAAAAAAA') return JSON.stringify(NO_UUID)
  return JSON.stringify(value)
}

function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}
