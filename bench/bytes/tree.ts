import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { HttpBroker } from '../../src/client/http-broker.ts'
import type { Tidemark } from '../../src/client/sdk/tidemark.ts'
import type { encodeBatch } from '../../src/core/record/batch-encoder.ts'
import type { Embedded } from '../../src/embedded/embedded.ts'

/** What is measured of a checkout, by the names that it has had for long. */
export interface Code {
  readonly encodeBatch: typeof encodeBatch
  openBroker(directory: string): Promise<Embedded>
  httpBroker(url: string): HttpBroker
  tidemark(url: string): Tidemark
}

export async function loadCode(tree: string): Promise<Code> {
  const load = (path: string) => import(pathToFileURL(join(tree, 'src', path)).href)
  const [record, embedded, http, sdk] = await Promise.all([
    load('core/record/index.ts'),
    load('embedded/embedded.ts'),
    load('client/http-broker.ts'),
    load('client/sdk/tidemark.ts'),
  ])
  return {
    encodeBatch: record.encodeBatch,
    openBroker: directory => embedded.openEmbedded({ directory: join(directory, 'store') }),
    httpBroker: url => new http.HttpBroker({ url }),
    tidemark: url => new sdk.Tidemark({ url }),
  }
}

/** As Linux has it everywhere. */
const TICKS_PER_SECOND = 100

export interface Server {
  readonly url: string
  /** Where Kafka's clients connect; undefined where they are not served. */
  readonly bootstrap: string | undefined
  /** What it has used of the processor. */
  cpuSeconds(): Promise<number>
  peakMegabytes(): Promise<number>
  stop(): Promise<void>
}

/** `tidemark dev` of a checkout, in a process of its own. Options for Node are in BENCH_SERVER_OPTIONS. */
export async function startServer(tree: string, directory: string): Promise<Server> {
  const launcher = join(tree, 'src/cli/tidemark.js')
  const kafka = existsSync(join(tree, 'src/gateway/gateway.ts')) ? ['--kafka', '127.0.0.1:0'] : []
  const options = process.env.BENCH_SERVER_OPTIONS?.split(' ') ?? []
  const child = spawn(
    process.execPath,
    [...options, launcher, 'dev', '--dir', join(directory, 'store'), '--http', '127.0.0.1:0', ...kafka],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  let told = ''
  child.stdout.on('data', chunk => {
    told += chunk
  })
  const urlOf = () => /http:\/\/127\.0\.0\.1:\d+/.exec(told)?.[0]
  const bootstrapOf = () => /Kafka.*?(127\.0\.0\.1:\d+)/i.exec(told)?.[1]
  while (urlOf() === undefined || (kafka.length > 0 && bootstrapOf() === undefined)) {
    if (child.exitCode !== null) throw new Error(`${tree} serves nothing: ${told}`)
    await sleep(5)
  }
  return {
    url: urlOf()!,
    bootstrap: bootstrapOf(),
    cpuSeconds: async () => {
      const [, after] = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ')
      const [user, system] = after!.split(' ').slice(11, 13)
      return (Number(user) + Number(system)) / TICKS_PER_SECOND
    },
    peakMegabytes: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1e3
    },
    stop: async () => {
      const hasEnded = once(child, 'exit')
      child.kill('SIGINT')
      await hasEnded
    },
  }
}
