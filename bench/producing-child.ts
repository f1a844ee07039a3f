/**
 * Runs one workload of `bench/producing.ts` with the sources of a tree, this one's or an older one's, and sends what it measured to
 * the process that forked this one.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ProducingFigures, ProducingRun } from './producing.ts'

const run: ProducingRun = JSON.parse(process.argv[2]!)
const from = (path: string) => import(pathToFileURL(join(run.tree, path)).href)
process.send!(run.workload === 'heads' ? await appendToHeads() : await produce())

/** Of records. */
async function produce(): Promise<ProducingFigures> {
  const { openEmbedded }: typeof import('../src/embedded/embedded.ts') =
    await from('src/embedded/embedded.ts')
  const { encodeBatch }: typeof import('../src/core/record/index.ts') = await from('src/core/record/index.ts')
  const { records, recordsPerBatch, producers, partitions, callsEach } = run
  const { broker, close } = await openEmbedded({ directory: run.directory })
  await broker.createTopic({ topic: 'bench', partitions })
  const value = Buffer.from(
    'the tide leaves a line on the sand, and the next one a higher one; '.repeat(3),
  ).subarray(0, 200)
  const batch = Array.from({ length: recordsPerBatch }, () => ({ value }))
  let sent = 0
  const produceOn = async (partition: number) => {
    while (sent < records) {
      sent += recordsPerBatch
      await broker.produce({ topic: 'bench', partition, batches: encodeBatch(batch, { nowMs: Date.now() }) })
    }
  }
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  await Promise.all(
    Array.from({ length: producers * callsEach }, (_, index) => produceOn(index % partitions)),
  )
  const perSecond = (sent / (performance.now() - startedMs)) * 1_000
  await close()
  return { perSecond, cpuUs: cpuUsSince(cpu) / sent }
}

/** Of appends to heads in memory, of 16 entries in their tails: no disk, what decoding and encoding take. */
async function appendToHeads(): Promise<ProducingFigures> {
  const { openMemoryStore }: typeof import('../src/adapters/memory/memory-store.ts') = await from(
    'src/adapters/memory/memory-store.ts',
  )
  const { systemClock }: typeof import('../src/embedded/system.ts') = await from('src/embedded/system.ts')
  const { toOffset, toPosition }: typeof import('../src/core/numbers.ts') = await from('src/core/numbers.ts')
  const { index } = openMemoryStore(systemClock)
  let appends = 0
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  for (let partition = 0; appends < run.records; partition += 1) {
    const id = { topicId: 'bench', partition }
    await index.createHead(id, 0)
    for (let entries = 0; entries < 32; entries += 1) {
      const object = randomBytes(16).toString('hex')
      const place = { kind: 'object' as const, object, epoch: 1, position: toPosition(0) }
      const entry = {
        id: object,
        span: 50,
        bytes: 10_000,
        maxTimestampMs: 1,
        createdMs: 1,
        place,
        marks: [],
        producers: [],
      }
      await index.append(id, entry, toOffset(0), new Set())
      appends += 1
    }
  }
  return { perSecond: (appends / (performance.now() - startedMs)) * 1_000, cpuUs: cpuUsSince(cpu) / appends }
}

function cpuUsSince(then: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(then)
  return user + system
}
