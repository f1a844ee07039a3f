import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pythonWith } from '../../localstack/python.ts'
import { EMULATORS } from '../../localstack/running.ts'
import { jars } from '../kafka/jars.ts'
import type { Command } from './program.ts'

const run = promisify(execFile)
const PROGRAMS = join(import.meta.dirname, 'programs')
const INSTALL_MS_MAX = 300_000

/** How to start each client's program, which is installed or compiled where that has not been done before. */
export const COMMANDS = {
  confluent: async () => python('confluent.py'),
  kafkaPython: async () => python('kafka_python.py'),
  kafkajs: async () => node('kafkajs.ts'),
  platformatic: async () => node('platformatic.ts'),
  java: () => java('JavaClient'),
  franz: franzGo,
  confluentTransactions: async () => python('confluent_transactions.py'),
  javaTransactions: () => java('JavaTransactions'),
  franzTransactions: async () => {
    const { command } = await franzGo()
    return { command, args: ['transactions'] }
  },
  sdkProcessing: async () => node('sdk-processing.ts'),
  kafkajsTransactions: async () => node('kafkajs-transactions.ts'),
} as const satisfies Readonly<Record<string, () => Promise<Command>>>

async function python(program: string): Promise<Command> {
  const command = await pythonWith('kafka-clients', join(import.meta.dirname, 'requirements.txt'))
  return { command, args: ['-B', join(PROGRAMS, program)] }
}

function node(program: string): Command {
  return { command: process.execPath, args: [join(PROGRAMS, program)] }
}

/** For a program that does little, and soon ends: no compiler that pays for itself after minutes. */
const JAVA_OPTIONS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m']

async function java(name: string): Promise<Command> {
  const libraries = join(jars('tools'), '*')
  const source = join(PROGRAMS, `${name}.java`)
  const classes = await made('java', [source], folder =>
    run('javac', ['-cp', libraries, '-d', folder, source], { timeout: INSTALL_MS_MAX }),
  )
  return { command: 'java', args: [...JAVA_OPTIONS, '-cp', `${classes}:${libraries}`, name] }
}

/** One of Kafka's own command lines, by its class. */
export function javaTool(name: string): Command {
  const libraries = join(jars('tools'), '*')
  return { command: 'java', args: [...JAVA_OPTIONS, '-cp', libraries, `org.apache.kafka.tools.${name}`] }
}

async function franzGo(): Promise<Command> {
  const source = join(PROGRAMS, 'franz')
  const sources = ['main.go', 'latency.go', 'transactions.go', 'go.mod', 'go.sum'].map(name =>
    join(source, name),
  )
  const folder = await made('franz', sources, folder =>
    run('go', ['build', '-o', folder, '.'], { cwd: source, timeout: INSTALL_MS_MAX }),
  )
  return { command: join(folder, 'franz'), args: [] }
}

/** A folder that is made once for what the sources say. */
async function made(name: string, sources: readonly string[], make: (folder: string) => Promise<unknown>) {
  const hash = createHash('sha256')
  for (const source of sources) hash.update(readFileSync(source))
  const folder = join(EMULATORS, `${name}-${hash.digest('hex').slice(0, 12)}`)
  if (existsSync(folder)) return folder
  const unfinished = join(EMULATORS, `unfinished-${randomBytes(6).toString('hex')}`)
  try {
    await mkdir(unfinished, { recursive: true })
    await make(unfinished)
    await rename(unfinished, folder).catch(error => {
      // Where another process was faster, its folder is as good.
      if (!existsSync(folder)) throw error
    })
    return folder
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}
