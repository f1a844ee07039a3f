import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as kafkajs from 'kafkajs'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as tidemark from '../../../../src/client/kafkajs/index.ts'
import { type ExportedName, readDeclarations } from './declarations.ts'
import { FATES, fateOf } from './fates.ts'
import { countSurface, readPage, renderSurface } from './page.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..', '..')
const { names, members } = readDeclarations()
const isAbsent = (name: string) => fateOf(name)?.fate === 'absent'
const there = names.filter(({ name }) => !isAbsent(name))

test('all of KafkaJS 2.2.4 is looked at', () => {
  expect(names.length).toBe(167)
  expect(members.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'KafkaConfig.brokers',
      'Admin.createTopics(waitForLeaders)',
      'Admin.describeCluster().brokers[].host',
      'Consumer.pause([].partitions)',
      'ConsumerCrashEvent.payload.restart',
      'TopicPartitionOffsetAndMetadata.offset',
      'KafkaMessage.headers',
      'logLevel.INFO',
      'CompressionCodecs.ZSTD',
      'KafkaJSOffsetOutOfRange.partition',
    ]),
  )
  expect(new Set(members.map(({ name }) => name)).size).toBe(members.length)
})

test('what is said is said once, of something that KafkaJS has', () => {
  const said = FATES.flatMap(({ names: each }) => each)
  const known = new Set(members.map(({ name }) => name))
  expect(said.filter(name => !known.has(name))).toEqual([])
  expect(said.filter((name, index) => said.indexOf(name) < index)).toEqual([])
})

test('the page says the same: node test/client/kafkajs/surface/page.ts writes it', () => {
  expect(readPage().section).toBe(renderSurface())
  const { all, ...counts } = countSurface(members)
  expect(Object.values(counts).reduce((sum, each) => sum + each)).toBe(all)
})

test('what is there at compile time is there when it runs', () => {
  const values = names.filter(({ kind }) => kind !== 'type').map(({ name }) => name)
  expect(values.filter(name => !isAbsent(name) && !(name in tidemark))).toEqual([])
  expect(values.filter(name => isAbsent(name) && name in tidemark)).toEqual([])
  // And KafkaJS has what its declarations say, so that nothing is held against words alone.
  expect(values.filter(name => !(name in kafkajs))).toEqual([])
})

test('enumerations have the same names and numbers', () => {
  for (const { name } of there.filter(({ kind }) => kind === 'enum')) {
    const ours = Reflect.get(tidemark, name)
    expect([name, { ...ours }]).toEqual([name, { ...Reflect.get(kafkajs, name) }])
    for (const [word, number] of Object.entries(ours)) expect(ours[number as number]).toBe(word)
  }
})

describe('the compiler', () => {
  test('takes what Tidemark gives for what KafkaJS gives, and what KafkaJS takes for what Tidemark takes', async () => {
    expect(await compile(program())).toBe('')
  })

  test('notices what does not fit', async () => {
    const wrong = [
      `export const group: K.GroupDescription = null! as T.GroupOverview`,
      `export const lacking: Nothing<Exclude<KeysOf<K.ProducerConfig>, 'retry'>, T.AdminConfig> = true`,
    ]
    for (const line of wrong) expect(await compile([...HEAD, line])).toMatch(/error TS2(322|739)/)
  })
})

/** Types that only go out of a client, or are what a program calls: KafkaJS's own need not do in their place. */
const ONLY_GIVEN =
  /^(Kafka|Producer|Consumer|Admin|KafkaJS.*|.*Events?|DeleteGroupsResult|PartitionAssigners)$/

/** Types that a program hands in, and does not get: those of assigners, which are named here and not written. */
const ONLY_TAKEN = /^(ConsumerConfig|PartitionAssigners?)$/

/** What a program hands in is at least what it hands to KafkaJS; where it is narrower, the list says so. */
const NARROWER = ['KafkaConfig']

const HEAD = [
  `import type * as K from 'kafkajs'`,
  `import * as kafkajs from 'kafkajs'`,
  `import type * as T from '${ROOT}/src/client/kafkajs/index.ts'`,
  `import * as tidemark from '${ROOT}/src/client/kafkajs/index.ts'`,
  `type KeysOf<X> = X extends X ? keyof X : never`,
  `type Nothing<Keys, X> = [Exclude<Keys, KeysOf<X>>] extends [never] ? true : Exclude<Keys, KeysOf<X>>`,
]

function program(): string[] {
  const lines = [...HEAD]
  for (const each of names) {
    const { name } = each
    if (isAbsent(name))
      lines.push('// @ts-expect-error absent', `export type Absent_${name} = T.${typed(each)}`)
    else lines.push(...(each.kind === 'value' ? valueLines(name) : typeLines(each)))
    if (each.kind === 'class' && !isAbsent(name)) lines.push(`export const class_${name} = tidemark.${name}`)
  }
  return lines
}

function typeLines(each: ExportedName): string[] {
  const { name } = each
  const [theirs, ours] = [`K.${typed(each)}`, `T.${typed(each)}`]
  const lines: string[] = []
  if (!ONLY_TAKEN.test(name)) lines.push(`export const given_${name}: ${theirs} = null! as ${ours}`)
  if (!ONLY_GIVEN.test(name) && !NARROWER.includes(name)) {
    lines.push(`export const taken_${name}: ${ours} = null! as ${theirs}`)
  }
  if (each.kind === 'enum') {
    for (const member of membersOf(name)) lines.push(`export type ${member.replace('.', '_')} = T.${member}`)
    return lines
  }
  const absent = membersOf(name).filter(isAbsent)
  const without = absent.map(member => `'${member.slice(name.length + 1)}'`).join(' | ') || 'never'
  lines.push(`export const has_${name}: Nothing<Exclude<KeysOf<${theirs}>, ${without}>, ${ours}> = true`)
  for (const member of absent) {
    lines.push(
      '// @ts-expect-error absent',
      `export type ${member.replace('.', '_')} = ${ours}['${member.slice(name.length + 1)}']`,
    )
  }
  // The options that a method takes.
  const methods = new Set(membersOf(name).map(member => /^\w+\.(\w+)\(\w/.exec(member)?.[1]))
  for (const method of methods) {
    if (method === undefined || fateOf(`${name}.${method}`)?.fate === 'refused') continue
    const options = (of: string) => `NonNullable<Parameters<${of}['${method}']>[0]>`
    lines.push(
      `export const options_${name}_${method}: Nothing<KeysOf<${options(theirs)}>, ${options(ours)}> = true`,
      `export const taken_${name}_${method}: ${options(ours)} = null! as ${options(theirs)}`,
    )
  }
  return lines
}

function valueLines(name: string): string[] {
  return [
    ...(ONLY_TAKEN.test(name)
      ? []
      : [`export const value_${name}: typeof kafkajs.${name} = tidemark.${name}`]),
    `export const has_${name}: Nothing<keyof typeof kafkajs.${name}, typeof tidemark.${name}> = true`,
  ]
}

function membersOf(name: string): string[] {
  return members.filter(({ of, name: own }) => of === name && own !== name).map(({ name: own }) => own)
}

function typed({ name, parameters }: ExportedName): string {
  return parameters === 0 ? name : `${name}<${Array.from({ length: parameters }, () => 'string').join(', ')}>`
}

/** @returns what the compiler complains of */
async function compile(lines: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-surface-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  const compilerOptions = { rootDir: '/', noUnusedLocals: false }
  const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['surface.ts'] }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  await writeFile(join(folder, 'surface.ts'), lines.join('\n'))
  return promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder]).then(
    ({ stdout }) => stdout,
    ({ stdout }) => stdout,
  )
}
