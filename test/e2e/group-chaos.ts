/**
 * Kills, pauses, stops, starts and restarts the consumers of a group while records arrive, and checks what a group
 * promises:
 *
 *   node test/e2e/group-chaos.ts [--seconds 120] [--seed N] [--lines FILE …] [--grace SECONDS]
 *     [--deployed | --broker URL [--sigv4 --region REGION]]
 *
 * on `tidemark dev`, on the stack deployed to an emulator of its own, or on a broker that runs already.
 * The grace is for a machine that is busy: how much longer than promised the group may take to be whole again.
 */
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { HttpBroker } from '../../src/client/http-broker.ts'
import type { GroupDescription } from '../../src/contract/groups.ts'
import { toHeartbeatInterval } from '../../src/core/group/session.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { partitionForKey } from '../../src/core/topic/partitioner.ts'
import { seededRandom } from '../cli/seeded-random.ts'
import { brokerAt, type ChaosBroker, deployBroker, startDevBroker } from './chaos-broker.ts'
import { DeliveryLedger } from './delivery-ledger.ts'
import { GroupProcess } from './group-process.ts'

const PARTITIONS = 12
const MEMBERS = 5
const KEYS = 500
/** The one static member. It may be away for as long as any machine takes to start a process. */
const INSTANCE = 'quay 1'
const INSTANCE_SESSION_TIMEOUT_MS = 60_000
/** How long a process may take to start and to join: no promise of a group's. */
const START_MS_MAX = 60_000
const PROBLEMS_SHOWN_MAX = 40

/** How fast a broker is taken to be. */
export interface Pace {
  sessionTimeoutMs: number
  /** Between two rounds of records. */
  produceIntervalMs: number
  recordsARound: number
  /** Between two looks at the group. */
  lookIntervalMs: number
}

export const DEV_PACE: Pace = {
  sessionTimeoutMs: 6_000,
  produceIntervalMs: 50,
  recordsARound: 20,
  lookIntervalMs: 100,
}

/** An emulator shares this machine's cores with the consumers, and starts a process for each function. */
export const DEPLOYED_PACE: Pace = {
  sessionTimeoutMs: 10_000,
  produceIntervalMs: 1_000,
  recordsARound: 20,
  lookIntervalMs: 500,
}

export interface ChaosRun {
  pace: Pace
  seconds: number
  seed: number
  /** What the records say, beside their number. */
  lines: string[]
  /** How much longer than promised the group may take until it is whole again: a machine may be busy. */
  graceMs: number
  report: (line: string) => void
}

type Change = 'kill' | 'pause' | 'leave' | 'join' | 'restart'

const TURN: readonly Change[] = ['kill', 'pause', 'leave', 'join', 'join', 'restart']

/** Answers what is wrong; nothing, if all is well. Ends the broker. */
export async function groupChaos(run: ChaosRun, on: ChaosBroker): Promise<string[]> {
  run.report(`seed ${run.seed}, ${on.name}`)
  const chaos = new Chaos(run, on)
  try {
    await chaos.run()
  } catch (error) {
    chaos.problem(`the run broke off: ${error instanceof Error ? error.stack : error}`)
  } finally {
    await chaos.close()
    await on.end(chaos.problems.length > 0)
  }
  return chaos.problems
}

class Chaos {
  readonly #run: ChaosRun
  readonly #pace: Pace
  readonly #address: readonly string[]
  readonly #broker: HttpBroker
  /** Of this run alone: the broker may have seen others. */
  readonly #topic = `chaos-${randomUUID()}`
  readonly #group = `chaotic group #${randomUUID()}`
  readonly #random: () => number
  readonly #ledger = new DeliveryLedger()
  readonly #problems: string[] = []
  /** Running, and not paused. */
  readonly #members: GroupProcess[] = []
  readonly #paused: GroupProcess[] = []
  readonly #all: GroupProcess[] = []
  readonly #produced = Array.from({ length: PARTITIONS }, () => 0)
  readonly #changes = new Map<Change | 'resume', number>()
  /** A restart first, so that there is one in the shortest run. */
  #turn: Change[] = ['restart']
  #refusedCommits = 0
  #slowestMs = 0
  #isOver = false

  constructor(run: ChaosRun, { broker, address }: ChaosBroker) {
    this.#run = run
    this.#pace = run.pace
    this.#address = address
    this.#broker = broker
    this.#random = seededRandom(run.seed)
  }

  get problems(): string[] {
    return [...this.#problems, ...this.#ledger.problems]
  }

  problem(text: string): void {
    this.#problems.push(text)
  }

  async run(): Promise<void> {
    await this.#broker.createTopic({ topic: this.#topic, partitions: PARTITIONS })
    const producing = this.#produce()
    const watching = this.#watchCommits()
    try {
      this.#start(INSTANCE)
      for (let member = 1; member < MEMBERS; member++) this.#start()
      await this.#settle('five members joined', 'joining')
      const endMs = performance.now() + this.#run.seconds * 1_000
      while (performance.now() < endMs && this.problems.length === 0) {
        await this.#change()
        await sleep(500 + 1_500 * this.#random())
      }
    } finally {
      this.#isOver = true
      await Promise.all([producing, watching])
    }
    if (this.problems.length === 0) await this.#finish()
    this.#report()
  }

  async close(): Promise<void> {
    for (const process of [...this.#members, ...this.#paused]) await process.end('SIGKILL')
    if (this.problems.length > 0)
      for (const { notes } of this.#all) for (const line of notes) this.#run.report(line)
  }

  #start(instanceId: string | null = null): GroupProcess {
    const timeoutMs = instanceId === null ? this.#pace.sessionTimeoutMs : INSTANCE_SESSION_TIMEOUT_MS
    const options = ['--group', this.#group, '--json', '--session-timeout', String(timeoutMs)]
    const commandLine = ['consume', this.#topic, ...options, ...this.#address]
    const process = new GroupProcess(commandLine, instanceId, delivery => this.#ledger.delivered(delivery))
    this.#members.push(process)
    this.#all.push(process)
    return process
  }

  /** One change, and then the group has to be whole again. */
  async #change(): Promise<void> {
    const change = this.#nextChange()
    const before = await this.#broker.describeGroup(this.#group)
    if (change === 'join') {
      const { pid } = this.#start()
      await this.#settle(`${pid} joined`, 'joining', before)
    } else if (change === 'restart') {
      await this.#restart(before)
    } else {
      const dynamic = this.#members.filter(({ instanceId }) => instanceId === null)
      const victim = dynamic[Math.floor(this.#random() * dynamic.length)]
      this.#members.splice(this.#members.indexOf(victim!), 1)
      if (change === 'leave') await this.#leave(victim!, before)
      else if (change === 'kill') await this.#kill(victim!, before)
      else await this.#pause(victim!, before)
    }
    this.#count(change)
  }

  /** All kinds in turn, shuffled; after each turn there are as many members as before. */
  #nextChange(): Change {
    if (this.#turn.length === 0) this.#turn = [...TURN]
    return this.#turn.splice(Math.floor(this.#random() * this.#turn.length), 1)[0]!
  }

  #count(change: Change | 'resume'): void {
    this.#changes.set(change, (this.#changes.get(change) ?? 0) + 1)
  }

  async #leave(victim: GroupProcess, before: GroupDescription): Promise<void> {
    const exitCode = await victim.end('SIGINT')
    if (exitCode !== 0) this.problem(`${victim.pid} ended with ${exitCode} after SIGINT`)
    await this.#settle(`${victim.pid} left`, 'now', before)
  }

  async #kill(victim: GroupProcess, before: GroupDescription): Promise<void> {
    await victim.end('SIGKILL')
    await this.#settle(`${victim.pid} was killed`, 'now', before)
    await this.#commitAsZombie(victim, before)
  }

  /** A static member that comes back within its session time-out: nothing moves, and nobody else hears of it. */
  async #restart(before: GroupDescription): Promise<void> {
    const victim = this.#members.find(({ instanceId }) => instanceId !== null)!
    this.#members.splice(this.#members.indexOf(victim), 1)
    await victim.end(this.#random() < 0.5 ? 'SIGKILL' : 'SIGINT')
    const { pid } = this.#start(victim.instanceId)
    await this.#settle(`${victim.pid} came back as ${pid}`, 'joining', before)
    await this.#commitAsZombie(victim, before)
    const after = await this.#broker.describeGroup(this.#group)
    const owners = (group: GroupDescription) => group.partitions.map(({ memberId }) => memberId).join()
    if (after.epoch !== before.epoch || owners(after) !== owners(before)) {
      this.problem(
        `${victim.pid} came back as ${pid} in time, and partitions moved: ${JSON.stringify(after)}`,
      )
    }
  }

  /** For longer than its session: it comes back as a zombie, which takes itself for the owner. */
  async #pause(victim: GroupProcess, before: GroupDescription): Promise<void> {
    victim.signal('SIGSTOP')
    this.#paused.push(victim)
    const pausedMs = performance.now()
    await this.#settle(`${victim.pid} was paused`, 'now', before)
    await this.#commitAsZombie(victim, before)
    const leftMs = this.#pace.sessionTimeoutMs + 2_000 * this.#random() - (performance.now() - pausedMs)
    await sleep(Math.max(0, leftMs))
    this.#paused.splice(this.#paused.indexOf(victim), 1)
    this.#members.push(victim)
    const meanwhile = await this.#broker.describeGroup(this.#group)
    victim.signal('SIGCONT')
    await this.#settle(`${victim.pid} was resumed`, 'now', meanwhile)
    this.#count('resume')
  }

  /** What the victim could still have under way, in the worst form: it would take everything back. */
  async #commitAsZombie(victim: GroupProcess, before: GroupDescription): Promise<void> {
    const memberId = before.memberList.find(({ clientId }) => pidOf(clientId) === victim.pid)?.memberId
    if (memberId === undefined) return this.problem(`${victim.pid} was no member of the whole group`)
    const offsets = before.partitions
      .filter(partition => partition.memberId === memberId)
      .map(({ partition }) => ({ partition, generation: this.#ledger.generationOf(partition, victim.pid) }))
      .filter(({ generation }) => generation !== undefined)
      .map(({ partition, generation }) => ({
        topic: this.#topic,
        partition,
        offset: toOffset(0),
        generation: generation!,
        rewinds: true,
      }))
    if (offsets.length === 0) return
    const answers = await this.#broker.commitOffsets({ groupId: this.#group, memberId, offsets })
    for (const { partition, error } of answers) {
      if (error === null)
        this.problem(`partition ${partition}: a commit of ${victim.pid}, a zombie, was taken`)
      else this.#refusedCommits++
    }
  }

  /**
   * Waits until everybody who runs is a member, and every partition has one of them as its owner, in fair shares.
   * Partitions whose owner is the same must not have changed hands meanwhile.
   * @param from when the time begins: now, or when all who run have joined
   */
  async #settle(cause: string, from: 'now' | 'joining', before?: GroupDescription): Promise<void> {
    let startMs = performance.now()
    let isJoining = from === 'joining'
    const generations = this.#generations(before)
    for (;;) {
      const group = await this.#broker.describeGroup(this.#group).catch(error => {
        // Nobody has joined yet.
        if (before === undefined) return null
        throw error
      })
      const wereJoining = isJoining
      isJoining &&= group === null || !this.#haveJoined(group)
      if (wereJoining && !isJoining) startMs = performance.now()
      const elapsedMs = performance.now() - startMs
      const lacking = group === null ? 'no group' : this.#lacking(group)
      if (lacking === null) {
        this.#slowestMs = Math.max(this.#slowestMs, elapsedMs)
        const moved = this.#checkUndisturbed(generations, group!)
        const seconds = (elapsedMs / 1_000).toFixed(1)
        this.#run.report(`${cause}: ${this.#members.length} members, whole after ${seconds} s${moved}`)
        return
      }
      if (elapsedMs > (isJoining ? START_MS_MAX : this.#settlingMs)) {
        this.problem(`${cause}: after ${Math.round(elapsedMs)} ms: ${lacking}: ${JSON.stringify(group)}`)
        return
      }
      const dead = this.#members.find(({ hasExited }) => hasExited)
      if (dead) return this.problem(`${dead.pid} ended by itself`)
      await sleep(this.#pace.lookIntervalMs)
    }
  }

  /** The session time-out, and two heartbeats of the member that sends fewest. */
  get #settlingMs(): number {
    return (
      this.#pace.sessionTimeoutMs + 2 * toHeartbeatInterval(INSTANCE_SESSION_TIMEOUT_MS) + this.#run.graceMs
    )
  }

  #haveJoined({ memberList }: GroupDescription): boolean {
    const there = new Set(memberList.map(({ clientId }) => pidOf(clientId)))
    return this.#members.every(({ pid }) => there.has(pid))
  }

  /** Why the group is not whole; null: it is. */
  #lacking({ memberList, partitions }: GroupDescription): string | null {
    const wanted = this.#members.map(({ pid }) => pid).toSorted()
    const there = memberList.map(({ clientId }) => pidOf(clientId)).toSorted()
    if (wanted.join() !== there.join()) return `the members are ${there}, and should be ${wanted}`
    const shares = memberList.map(({ owned }) => owned.length)
    const free = partitions.filter(({ memberId }) => memberId === null).length
    if (free > 0 || partitions.length !== PARTITIONS) return `${free} partitions have no owner`
    return Math.max(...shares) - Math.min(...shares) > 1 ? `the shares are ${shares}` : null
  }

  /** By partition: its owner's process, and the generation under which that has delivered. */
  #generations(group: GroupDescription | undefined): Map<number, { pid: number; generation: number }> {
    const pids = new Map(group?.memberList.map(({ memberId, clientId }) => [memberId, pidOf(clientId)]))
    const known = new Map<number, { pid: number; generation: number }>()
    for (const { partition, memberId } of group?.partitions ?? []) {
      if (memberId === null) continue
      const pid = pids.get(memberId) ?? 0
      const generation = this.#ledger.generationOf(partition, pid)
      if (generation !== undefined) known.set(partition, { pid, generation })
    }
    return known
  }

  #checkUndisturbed(
    before: Map<number, { pid: number; generation: number }>,
    group: GroupDescription,
  ): string {
    let stayed = 0
    for (const [partition, { pid, generation }] of this.#generations(group)) {
      const earlier = before.get(partition)
      if (earlier?.pid !== pid) continue
      stayed++
      if (earlier.generation === generation) continue
      this.problem(`partition ${partition} stayed with its owner, and was interrupted`)
    }
    return before.size === 0 ? '' : `, ${stayed} partitions stayed where they were`
  }

  async #produce(): Promise<void> {
    let number = 0
    while (!this.#isOver) {
      const byPartition = new Map<number, { key: Buffer; value: Buffer }[]>()
      for (let record = 0; record < this.#pace.recordsARound; record++, number++) {
        const key = Buffer.from(`key ${number % KEYS}`)
        const value = Buffer.from(`${number} ${this.#run.lines[number % this.#run.lines.length]}`)
        const partition = partitionForKey(key, PARTITIONS)
        byPartition.set(partition, [...(byPartition.get(partition) ?? []), { key, value }])
      }
      await Promise.all(
        [...byPartition].map(async ([partition, records]) => {
          const batches = encodeBatch(records, { nowMs: Date.now() })
          await this.#broker.produce({ topic: this.#topic, partition, batches })
          this.#produced[partition] = this.#produced[partition]! + records.length
        }),
      )
      await sleep(this.#pace.produceIntervalMs)
    }
  }

  async #watchCommits(): Promise<void> {
    while (!this.#isOver) {
      await this.#lookAtCommits()
      await sleep(this.#pace.lookIntervalMs)
    }
  }

  async #lookAtCommits(): Promise<number> {
    const committed = await this.#broker.fetchOffsets({ groupId: this.#group })
    for (const { partition, offset } of committed) this.#ledger.committed(partition, offset)
    return committed.reduce((sum, { offset }) => sum + offset, 0)
  }

  /** Everything is delivered, and after everybody has left, committed. */
  async #finish(): Promise<void> {
    const limitMs = performance.now() + this.#settlingMs
    while (this.#missing() > 0 && performance.now() < limitMs) await sleep(this.#pace.lookIntervalMs)
    if (this.#missing() > 0) this.problem(`${this.#missing()} records were never delivered`)
    for (const member of this.#members.splice(0)) {
      const exitCode = await member.end('SIGINT')
      if (exitCode !== 0) this.problem(`${member.pid} ended with ${exitCode} after SIGINT`)
    }
    const committed = await this.#lookAtCommits()
    const produced = this.#produced.reduce((sum, records) => sum + records, 0)
    if (committed !== produced) this.problem(`${committed} of ${produced} records are committed at the end`)
    const { members } = await this.#broker.describeGroup(this.#group)
    // The static one means to come back.
    if (members !== 1) this.problem(`${members} members are left, and all have left but one`)
  }

  #missing(): number {
    return this.#produced.reduce(
      (sum, records, partition) => sum + this.#ledger.missing(partition, records),
      0,
    )
  }

  #report(): void {
    const { deliveries, repeated } = this.#ledger
    const produced = this.#produced.reduce((sum, records) => sum + records, 0)
    const changes = [...this.#changes].map(([change, times]) => `${times} ${change}`).join(', ')
    this.#run.report(`changes: ${changes}`)
    this.#run.report(`${produced} records produced, ${deliveries} delivered, ${repeated} of them again`)
    this.#run.report(
      `${this.#refusedCommits} commits of zombies refused; whole again after ${(this.#slowestMs / 1_000).toFixed(1)} s at most`,
    )
  }
}

/** A consumer's client id begins with its process. */
function pidOf(clientId: string): number {
  return Number(/^tidemark-(\d+)@/.exec(clientId)?.[1])
}

/** Logs as they are, where there are some beside the checkout. */
function defaultLines(): string[] {
  const logs = new URL('../../../shared/data/', import.meta.url)
  const names = existsSync(logs) ? readdirSync(logs).filter(name => name.endsWith('.log')) : []
  if (names.length === 0) return linesOf([new URL('../../README.md', import.meta.url)])
  return linesOf(names.map(name => new URL(name, logs)))
}

function linesOf(files: readonly (string | URL)[]): string[] {
  return files.flatMap(file => readFileSync(file, 'utf8').split('\n'))
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      lines: { type: 'string', multiple: true },
      grace: { type: 'string' },
      deployed: { type: 'boolean', default: false },
      broker: { type: 'string' },
      sigv4: { type: 'boolean', default: false },
      region: { type: 'string', default: 'us-east-1' },
    },
  })
  const seconds = Number(values.seconds ?? 120)
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  const lines = values.lines ? linesOf(values.lines) : defaultLines()
  const graceMs = Number(values.grace ?? 1) * 1_000
  const pace = values.deployed || values.sigv4 ? DEPLOYED_PACE : DEV_PACE
  const on = await openBroker(values)
  const problems = await groupChaos({ pace, seconds, seed, lines, graceMs, report: console.log }, on)
  for (const problem of problems.slice(0, PROBLEMS_SHOWN_MAX)) console.error(problem)
  if (problems.length > PROBLEMS_SHOWN_MAX)
    console.error(`… and ${problems.length - PROBLEMS_SHOWN_MAX} more`)
  console.log(problems.length === 0 ? 'every promise was kept' : `FAILED; the seed was ${seed}`)
  process.exitCode = problems.length === 0 ? 0 : 1
}

async function openBroker(options: {
  deployed: boolean
  broker?: string
  sigv4: boolean
  region: string
}): Promise<ChaosBroker> {
  const { deployed, broker, sigv4, region } = options
  if (deployed) return await deployBroker()
  return broker === undefined ? await startDevBroker() : brokerAt(broker, sigv4 ? region : null)
}

if (import.meta.main) await main()
