/**
 * Twelve partitions and a group of three consumers that are woken, deployed on an emulator: the one at AWS_ENDPOINT_URL, or a MiniStack of
 * its own. First how long it takes from a produce's answer to the handler; then the same while sockets are cut at random, none of them
 * lives for long, and the function on the stream loses what it has taken, at random, too; then what is asked while nothing happens.
 *
 *   node test/e2e/woken-consumers.ts [--records 200] [--fault-seconds 60] [--idle-minutes 10] [--seed 1]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePort, startGuarded, untilAnswers } from '../../localstack/guarded.ts'
import { MINISTACK_HEALTH_PATH, ministackCommand } from '../../localstack/ministack.ts'
import { bootstrapAccount, deleteStack, deployStack } from '../../localstack/stack.ts'
import { signedByAws } from '../../src/adapters/aws/signing/request-signer.ts'
import { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import { SLOW_LOOK_MS } from '../../src/core/limits.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { DeployedFunctions } from './deployed-stack.ts'
import { addVariables, reachSockets } from './deployed-waking.ts'

const STACK = 'WokenConsumers'
const TOPIC = 'woken'
const PARTITIONS = 12
const CONSUMERS = 3
const PAUSE_MS = 110
const WARM_UP_RECORDS = 24
/** In place of API Gateway's two hours. */
const SOCKET_MS_MAX = 15_000
const SETTLING_MS = 5_000
/** Where dispatch loses what it has taken. */
const NOWHERE = { TIDEMARK_POST: 'nobody', TIDEMARK_CONNECTIONS_URL: 'http://127.0.0.1:9/waking' }

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '200' },
    'fault-seconds': { type: 'string', default: '60' },
    'idle-minutes': { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
  },
})
const entropy = new SeededEntropy(Number(values.seed))
process.env.AWS_ACCESS_KEY_ID ??= 'test'
process.env.AWS_SECRET_ACCESS_KEY ??= 'test'
process.env.AWS_REGION ??= 'us-east-1'

/** What stands between consumers and the emulator: it can cut their sockets, and counts what they ask. */
class Way {
  readonly #pairs = new Set<Socket>()
  readonly #target: URL
  opened = 0
  cut = 0
  socketMsMax = Number.POSITIVE_INFINITY
  port = 0
  readonly #server = createServer(near => this.#join(near))

  constructor(target: string) {
    this.#target = new URL(target)
  }

  async open(): Promise<void> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    this.port = (this.#server.address() as { port: number }).port
  }

  /** Without a word to either side. */
  cutOne(): void {
    const all = [...this.#pairs]
    const one = all[Math.floor(entropy.fraction() * all.length)]
    if (!one) return
    this.cut += 1
    one.destroy()
  }

  cutAll(): void {
    for (const each of this.#pairs) each.destroy()
  }

  close(): void {
    this.cutAll()
    this.#server.close()
  }

  #join(near: Socket): void {
    this.opened += 1
    const far = connect(Number(this.#target.port), this.#target.hostname)
    this.#pairs.add(near)
    const end = Number.isFinite(this.socketMsMax)
      ? setTimeout(() => near.destroy(), this.socketMsMax * (0.5 + entropy.fraction() / 2))
      : undefined
    const over = () => {
      clearTimeout(end)
      this.#pairs.delete(near)
      near.destroy()
      far.destroy()
    }
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', over)
      from.on('close', over)
      from.pipe(to)
    }
  }
}

const directory = await mkdtemp(join(tmpdir(), 'tidemark-woken-'))
const emulator = await openEmulator()
try {
  await run(emulator.endpoint)
} finally {
  await emulator.stop()
  await rm(directory, { recursive: true })
}
process.exit()

async function run(endpoint: string): Promise<void> {
  const app = 'npx node test/e2e/waking-app.ts'
  await bootstrapAccount(endpoint)
  const outputsFile = join(directory, 'outputs.json')
  const outputs = await deployStack({ endpoint, stackName: STACK, app, outputsFile })
  const functions = new DeployedFunctions(endpoint, STACK)
  const way = new Way(endpoint)
  await way.open()
  const reached = await reachSockets(endpoint, STACK, functions)
  const socketUrl = new URL(reached)
  socketUrl.port = `${way.port}`
  await addVariables(endpoint, functions, 'fetch', { TIDEMARK_WAKING_URL: socketUrl.href })
  const posts = {
    TIDEMARK_POST: await functions.nameOf('post'),
    TIDEMARK_CONNECTIONS_URL: reached.replace(/^ws/, 'http'),
  }

  const asked = new Map<string, number>()
  const url = outputs.ApiUrl!
  const sign = signedByAws({ url, region: outputs.Region! })
  const broker = new HttpBroker({
    url,
    sign: async request => {
      const path = new URL(request.url).pathname
        .replace(/^.*\$default/, '')
        .replace(/members\/[^/]+/, 'members/…')
      const name = `${request.method} ${path}`
      asked.set(name, (asked.get(name) ?? 0) + 1)
      return await sign(request)
    },
  })
  await broker.createTopic({ topic: TOPIC, partitions: PARTITIONS })
  const handledMs = new Map<string, number>()
  const consumers = Array.from({ length: CONSUMERS }, () =>
    new Tidemark({ broker }).consumer({ groupId: 'woken', sessionTimeout: 45_000 }),
  )
  const woken = new Set<unknown>()
  for (const consumer of consumers) {
    consumer.on(consumer.events.WAITING, ({ payload }) => {
      if (payload.how === 'woken') woken.add(consumer)
      else woken.delete(consumer)
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
    await consumer.run({
      partitionsConsumedConcurrently: PARTITIONS,
      eachMessage: async ({ message }) => {
        const value = String(message.value)
        if (!handledMs.has(value)) handledMs.set(value, performance.now())
      },
    })
  }

  let sent = 0
  const answeredMs = new Map<string, number>()
  const produce = async (): Promise<void> => {
    const value = `record ${sent}`
    const partition = sent % PARTITIONS
    sent += 1
    const batches = encodeBatch([{ value: Buffer.from(value) }], { nowMs: Date.now() })
    await broker.produce({ topic: TOPIC, partition, batches })
    answeredMs.set(value, performance.now())
  }
  const untilHandled = async (withinMs: number): Promise<void> => {
    const sinceMs = performance.now()
    while ([...answeredMs.keys()].some(value => !handledMs.has(value))) {
      if (performance.now() - sinceMs > withinMs) {
        const lost = [...answeredMs.keys()].filter(value => !handledMs.has(value))
        throw new Error(`not handled: ${lost.length} of ${answeredMs.size}, the first ${lost[0]}`)
      }
      await sleep(100)
    }
  }
  const latencies = (from: number) =>
    [...answeredMs].slice(from).map(([value, answered]) => handledMs.get(value)! - answered)

  try {
    for (let number = 0; number < WARM_UP_RECORDS; number += 1) await produce()
    await untilHandled(SLOW_LOOK_MS)
    // The group has them share, which takes a heartbeat or two.
    for (const sinceMs = performance.now(); woken.size < CONSUMERS; await sleep(100))
      if (performance.now() - sinceMs > SLOW_LOOK_MS)
        throw new Error(`${woken.size} of ${CONSUMERS} are woken`)
    await sleep(SETTLING_MS)

    const calmFrom = sent
    for (let number = 0; number < Number(values.records); number += 1) {
      await produce()
      await sleep(PAUSE_MS)
    }
    await untilHandled(2 * SLOW_LOOK_MS)
    print(`${values.records} records, one every ${PAUSE_MS} ms and a produce`, latencies(calmFrom))

    const stormFrom = sent
    const stormUntilMs = performance.now() + Number(values['fault-seconds']) * 1_000
    let lostPosts = 0
    way.socketMsMax = SOCKET_MS_MAX
    const breaking = (async () => {
      while (performance.now() < stormUntilMs) {
        await sleep(1_000 + entropy.fraction() * 3_000)
        if (entropy.fraction() < 0.6) way.cutOne()
        else {
          lostPosts += 1
          // It takes who is armed, reaches no socket and finds nobody to hand them to, and fails.
          await addVariables(endpoint, functions, 'dispatch', NOWHERE)
          await sleep(500 + entropy.fraction() * 1_500)
          await addVariables(endpoint, functions, 'dispatch', posts)
        }
      }
      await addVariables(endpoint, functions, 'dispatch', posts)
      way.socketMsMax = Number.POSITIVE_INFINITY
    })()
    while (performance.now() < stormUntilMs) {
      await produce()
      await sleep(PAUSE_MS)
    }
    await breaking
    await untilHandled(2 * SLOW_LOOK_MS)
    print(
      `${sent - stormFrom} records in ${values['fault-seconds']} s, ${way.cut} sockets cut, ${lostPosts} times posts lost`,
      latencies(stormFrom),
    )
    console.log(`all of ${sent} records were handled; the longest wait may be ${SLOW_LOOK_MS / 1_000} s`)

    // What lives for no longer than it was to then is gone, and the next ones stand.
    await sleep(SOCKET_MS_MAX + SETTLING_MS)
    const idleMs = Number(values['idle-minutes']) * 60_000
    asked.clear()
    const openedBefore = way.opened
    await sleep(idleMs)
    console.log(
      `\n${values['idle-minutes']} idle minutes, ${CONSUMERS} consumers: ${JSON.stringify(Object.fromEntries(asked))}, ${way.opened - openedBefore} sockets opened`,
    )
  } finally {
    await Promise.all(consumers.map(consumer => consumer.disconnect()))
    way.close()
    await deleteStack(endpoint, STACK)
  }
}

function print(what: string, all: readonly number[]): void {
  const sorted = all.toSorted((a, b) => a - b)
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!)
  console.log(
    `${what}: from a produce's answer to the handler p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, largest ${at(1)} ms`,
  )
}

async function openEmulator(): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  const given = process.env.AWS_ENDPOINT_URL
  if (given) return { endpoint: given, stop: async () => {} }
  const port = await freePort()
  const { command, env } = await ministackCommand(port)
  const guarded = startGuarded(command, { env })
  const endpoint = `http://127.0.0.1:${port}`
  await untilAnswers(`${endpoint}${MINISTACK_HEALTH_PATH}`, guarded, 60_000)
  return { endpoint, stop: () => guarded.stop() }
}
