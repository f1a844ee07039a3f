import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { COMMANDS, javaTool } from '../../test/kafka-clients/installed.ts'
import type { BenchBroker } from './brokers.ts'

export const RECORD_BYTES = 200
/** What the Kafka paper's consumer fetched at a time. */
const FETCH_BYTES = 200 * 1024
const LAUNCHER = join(import.meta.dirname, '../../src/cli/tidemark.js')

export interface Run {
  readonly broker: BenchBroker
  readonly topic: string
  readonly records: number
  /** Records a batch at most; undefined: as the client has it by itself. */
  readonly batch: number | undefined
  /** As many lines as there are records, each of RECORD_BYTES without its end. */
  readonly file: string
}

/** Records a second, or undefined where the broker has no such door. */
export type Client = (run: Run) => Promise<number | undefined>

export const kcatProduce: Client = async ({ broker, topic, records, batch, file }) => {
  const settings = batch === undefined ? [] : ['-X', `batch.num.messages=${batch}`]
  return await timed(records, 'kcat', ['-P', '-b', broker.bootstrap, '-t', topic, ...settings, '-l', file])
}

export const kcatConsume: Client = async ({ broker, topic, records }) => {
  const settings = ['-X', `fetch.message.max.bytes=${FETCH_BYTES}`, '-o', 'beginning', '-e', '-q']
  return await timed(records, 'kcat', ['-C', '-b', broker.bootstrap, '-t', topic, ...settings])
}

/** What the tools count by themselves, from when they have begun: a virtual machine's start is no broker's. */
export const javaProduce: Client = async ({ broker, topic, records, batch }) => {
  const size = batch === undefined ? [] : ['--command-property', `batch.size=${batch * (RECORD_BYTES + 20)}`]
  const args = ['--topic', topic, '--num-records', String(records), '--record-size', String(RECORD_BYTES)]
  const told = await tool('ProducerPerformance', broker, [...args, '--throughput', '-1', ...size])
  return Number(/([\d.]+) records\/sec[^\n]*99\.9th/.exec(told)![1])
}

export const javaConsume: Client = async ({ broker, topic, records }) => {
  const args = ['--topic', topic, '--num-records', String(records), '--fetch-size', String(FETCH_BYTES)]
  const told = await tool('ConsumerPerformance', broker, [...args, '--timeout', '60000'])
  const [names, figures] = told
    .trim()
    .split('\n')
    .slice(-2)
    .map(line => line.split(', '))
  return Number(figures![names!.indexOf('fetch.nMsg.sec')])
}

export const tidemarkProduce: Client = async ({ broker, topic, records, file }) => {
  if (broker.url === undefined) return undefined
  return await timed(records, process.execPath, [LAUNCHER, 'produce', topic, file, '--broker', broker.url])
}

export const tidemarkConsume: Client = async ({ broker, topic, records }) => {
  if (broker.url === undefined) return undefined
  const args = ['consume', topic, '--exit-at-end', '--broker', broker.url]
  return await timed(records, process.execPath, [LAUNCHER, ...args])
}

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
}

/** From a producer that waits for nothing to a consumer, both of franz-go, at a steady rate. */
export async function latency(
  broker: BenchBroker,
  topic: string,
  recordsPerSecond: number,
  seconds: number,
): Promise<Latency> {
  const { command } = await COMMANDS.franz()
  const args = ['latency', broker.bootstrap, topic, String(recordsPerSecond), String(seconds)]
  return JSON.parse(await output(command, args))
}

async function tool(name: string, broker: BenchBroker, args: readonly string[]): Promise<string> {
  const { command, args: before } = javaTool(name)
  // With the compiler that pays for itself in such a run, which the tests do without.
  const options = before.filter(arg => !arg.startsWith('-XX:TieredStopAtLevel'))
  return await output(command, [...options, '--bootstrap-server', broker.bootstrap, ...args])
}

async function timed(records: number, command: string, args: readonly string[]): Promise<number> {
  const startedMs = performance.now()
  await run(command, args, openSync('/dev/null', 'w'))
  return (records / (performance.now() - startedMs)) * 1_000
}

async function output(command: string, args: readonly string[]): Promise<string> {
  return await run(command, args, 'pipe')
}

async function run(command: string, args: readonly string[], stdout: number | 'pipe'): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', stdout, 'pipe'] })
  let told = ''
  let complained = ''
  child.stdout?.on('data', chunk => {
    told += chunk
  })
  child.stderr!.on('data', chunk => {
    complained += chunk
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${complained}`)
  return told
}
