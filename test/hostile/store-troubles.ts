/**
 * Troubles of a store in a directory, while producers keep a ledger of what they were answered; then all that is there is
 * held against it. Each throws where a promise is broken.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { type Disk, mountFailingDisk, mountSmallDisk } from '../adapters/local/disks.ts'
import { StoppedNeighbour } from '../adapters/local/neighbour.ts'
import { ProduceLedger } from '../cli/produce-ledger.ts'
import { seededRandom } from '../cli/seeded-random.ts'
import { type DevProcess, startDev } from '../cli/tidemark-process.ts'
import { readLog, verifyStore } from '../e2e/whole-log.ts'
import { type Answers, PARTITIONS, produceUntil, TOPIC, wordsFor } from './ledgered-producers.ts'

/** Whoever ends a process waits this long at least before it is killed. */
const END_MS_MAX = 10_000
const FLUSH_MS = 200

export interface TroubleSettings {
  readonly rounds: number
  readonly seed: number
}

type Report = (line: string) => void

/**
 * One of two brokers is stopped, at whatever it is doing, and goes on later or is killed; every other time, a process that is
 * in a transaction for certain.
 */
async function stopNeighbour(report: Report, settings: TroubleSettings): Promise<void> {
  const { rounds, random } = begin(report, 'a neighbour that is stopped', settings)
  const around = await mkdtemp(join(tmpdir(), 'tidemark-troubles-'))
  const directory = join(around, 'store')
  const ledger = new ProduceLedger()
  let stopped = await startDev(directory)
  const other = await startDev(directory)
  try {
    await createTopic(other)
    let heldUp = 0
    for (let round = 1; round <= rounds; round += 1) {
      const over = new AbortController()
      const producing = produceUntil(over.signal, () => [other.url, stopped.url], ledger, `${round}`, random)
      await sleep(100 + 300 * random())
      const neighbour = round % 2 === 0 ? await StoppedNeighbour.in(directory) : undefined
      if (!neighbour) stopped.child.kill('SIGSTOP')
      await sleep(1_500 + 1_500 * random())
      const isHeldUp = (await healthOf(other)).includes('is held up')
      if (isHeldUp) heldUp += 1
      if (neighbour) {
        if (random() < 0.5) await neighbour.goOn()
        else await neighbour.kill()
      } else if (random() < 0.5) {
        stopped.child.kill('SIGCONT')
      } else {
        await stopped.end('SIGKILL')
        stopped = await startDev(directory)
      }
      await sleep(200)
      over.abort()
      const answers = await producing
      await compare(other, ledger, answers)
      report(`round ${round}${isHeldUp ? ', held up' : ''}: ${wordsFor(answers)}`)
    }
    report(`held up in ${heldUp} of ${rounds} rounds`)
    await endInTime(other, report)
    await endInTime(stopped, report)
    await checkStore(directory)
  } finally {
    for (const broker of [stopped, other]) {
      broker.child.kill('SIGCONT')
      await broker.end('SIGKILL')
    }
    await rm(around, { recursive: true, force: true })
  }
}

/** A disk is filled, and emptied again; sometimes the broker is killed meanwhile. */
async function fillDisk(report: Report, settings: TroubleSettings): Promise<void> {
  const { rounds, random } = begin(report, 'a disk that is full', settings)
  await onDisk(report, await mountSmallDisk('48m'), async disk => {
    const directory = join(disk.path, 'store')
    const filler = join(disk.path, 'filler')
    const ledger = new ProduceLedger()
    let broker = await startDev(directory)
    try {
      await createTopic(broker)
      for (let round = 1; round <= rounds; round += 1) {
        const over = new AbortController()
        const producing = produceUntil(over.signal, () => [broker.url], ledger, `${round}`, random)
        await sleep(100 + 200 * random())
        await writeFile(filler, Buffer.alloc(48_000_000)).catch(() => {})
        await sleep(300 + 300 * random())
        const isKilled = random() < 0.3
        if (isKilled) await broker.end('SIGKILL')
        await rm(filler, { force: true })
        if (isKilled) broker = await startDev(directory)
        await sleep(200)
        over.abort()
        const answers = await producing
        await compare(broker, ledger, answers)
        report(`round ${round}${isKilled ? ', killed' : ''}: ${wordsFor(answers)}`)
      }
      await writeFile(filler, Buffer.alloc(48_000_000)).catch(() => {})
      await endInTime(broker, report)
      await rm(filler, { force: true })
      await checkStore(directory)
    } finally {
      await broker.end('SIGKILL')
    }
  })
}

/** A file system is shut down under a broker, as when its disk dies or the power fails, and is there again later. */
async function failDisk(report: Report, settings: TroubleSettings): Promise<void> {
  const { rounds, random } = begin(report, 'a disk that fails', settings)
  await onDisk(report, await mountFailingDisk('256M'), async disk => {
    const directory = join(disk.path, 'store')
    const ledger = new ProduceLedger()
    for (let round = 1; round <= rounds; round += 1) {
      const broker = await startDev(directory)
      try {
        if (round === 1) await createTopic(broker)
        const over = new AbortController()
        const producing = produceUntil(over.signal, () => [broker.url], ledger, `${round}`, random)
        await sleep(200 + 300 * random())
        disk.fail()
        await sleep(300)
        over.abort()
        const answers = await producing
        if (answers.wrong.length > 0) throw new Error(`answers that no disk excuses: ${answers.wrong[0]}`)
        const health = await healthOf(broker)
        if (health === '') throw new Error('health says that all is well')
        report(`round ${round}: ${wordsFor(answers)}; health says: ${health}`)
        await endInTime(broker, report)
      } finally {
        await broker.end('SIGKILL')
      }
      disk.mend()
      const again = await startDev(directory)
      try {
        await compare(again, ledger)
      } finally {
        await again.end('SIGTERM')
      }
      await checkStore(directory)
    }
  })
}

/** Every trouble, by its name. */
export const TROUBLES: Readonly<
  Record<string, (report: Report, settings: TroubleSettings) => Promise<void>>
> = { 'stopped-neighbour': stopNeighbour, 'full-disk': fillDisk, 'failed-disk': failDisk }

function begin(
  report: Report,
  what: string,
  { rounds = 10, seed = Date.now() % 1_000_000 }: TroubleSettings,
) {
  report(`${what}, ${rounds} rounds, seed ${seed}`)
  return { rounds, random: seededRandom(seed) }
}

async function onDisk<D extends Disk>(report: Report, disk: D | undefined, work: (disk: D) => Promise<void>) {
  if (!disk) {
    report('left out: no such disk can be mounted here')
    return
  }
  try {
    await work(disk)
  } finally {
    await disk.remove()
  }
}

async function createTopic({ url }: DevProcess): Promise<void> {
  const configs = { 'flush.ms': String(FLUSH_MS) }
  await new HttpBroker({ url }).createTopic({ topic: TOPIC, partitions: PARTITIONS, configs })
}

/** @throws Error where something acknowledged is lost, doubled or elsewhere, or something refused is there */
async function compare({ url }: DevProcess, ledger: ProduceLedger, answers?: Answers): Promise<void> {
  if (answers && answers.wrong.length > 0)
    throw new Error(`answers that no trouble excuses: ${answers.wrong.slice(0, 3).join('; ')}`)
  const problems = ledger.check(await readLog(new HttpBroker({ url }), TOPIC))
  if (problems.length > 0) throw new Error(problems.slice(0, 10).join('\n'))
}

async function checkStore(directory: string): Promise<void> {
  const problems = await verifyStore(directory)
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

/** What /health says is wrong; empty where nothing is. */
async function healthOf({ url }: DevProcess): Promise<string> {
  const answer = await fetch(`${url}/health`)
  const { detail = '' } = (await answer.json()) as { detail?: string }
  return detail
}

async function endInTime(broker: DevProcess, report: Report): Promise<void> {
  const startMs = performance.now()
  const exitCode = await broker.end('SIGTERM')
  const tookMs = performance.now() - startMs
  report(`ended with ${exitCode} in ${Math.round(tookMs)} ms`)
  if (exitCode !== 0 || tookMs > END_MS_MAX) throw new Error(`it did not end in time: ${broker.stderr()}`)
}
