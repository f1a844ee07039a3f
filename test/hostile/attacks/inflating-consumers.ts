import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawnTidemark } from '../broker-process.ts'
import { createTopic, mustProduce } from '../http-calls.ts'
import { ProcessFigures } from '../process-figures.ts'
import type { Attack, Scene } from '../scene.ts'
import { inflatingBatch, tinyRecords } from './batches.ts'

/** The 80 MB of one batch stand in memory a few times over: inflated, as a record, and in what a handler is given. */
const CONSUMER_PEAK_MB_MAX = 700
const BROKER_PEAK_MB_MAX = 400
const PARTITIONS = 4
const TINY_RECORDS = 300_000
const SDK_PROGRAM = fileURLToPath(new URL('inflating-consumer-process.ts', import.meta.url))
const END_MS_MAX = 120_000

export const inflatingConsumers: Attack = {
  name: 'inflating-consumers',
  about:
    'the same batches, read by consumers of the SDK, by `tidemark consume` and by handlers of `dev --on`',
  startsItsOwn: true,
  async run(scene) {
    const { tree } = scene.settings
    const batches = scene.sized(20, 4)
    const handlers = await mkdtemp(join(tmpdir(), 'tidemark-hostile-handlers-'))
    const handler = join(handlers, 'handler.mjs')
    await writeFile(handler, 'export async function handler() {}\n')
    try {
      const broker = await scene.start()
      const { url } = broker
      await createTopic(url, 'inflating', { partitions: PARTITIONS })
      const batch = inflatingBatch()
      const tiny = tinyRecords(TINY_RECORDS, 'zstd')
      for (let index = 0; index < batches; index++) {
        await mustProduce(url, 'inflating', batch, index % PARTITIONS)
        await mustProduce(url, 'inflating', tiny, index % PARTITIONS)
      }
      const records = batches * (1 + TINY_RECORDS)
      await scene.watch(broker, { peakMb: BROKER_PEAK_MB_MAX, turn: 'broker of consumers' }, async () => {
        await watchProcess(scene, 'consumer of the SDK', () =>
          spawn(process.execPath, [SDK_PROGRAM, tree, url, String(records)]),
        )
        await watchProcess(scene, 'tidemark consume', () =>
          spawnTidemark(tree, ['consume', 'inflating', '--exit-at-end', '--broker', url]),
        )
      })
      await attackHandlers(scene, handler, batch)
    } finally {
      await rm(handlers, { recursive: true })
    }
  },
}

/** What `dev --on` cannot deliver it gives up after the retries: the next record tells that it went on. */
async function attackHandlers(scene: Scene, handler: string, batch: Uint8Array): Promise<void> {
  const broker = await scene.start({ options: ['--on', `inflating=${handler},retries=1`] })
  const { url } = broker
  const wanted = scene.sized(10, 2)
  await scene.watch(broker, { peakMb: BROKER_PEAK_MB_MAX, turn: 'dev --on' }, async () => {
    // Its topic is made with it.
    for (let index = 0; index < wanted; index++) await mustProduce(url, 'inflating', batch)
    const limitMs = performance.now() + 60_000
    let committed = 0
    while (committed < wanted && performance.now() < limitMs) {
      await new Promise(resolve => setTimeout(resolve, 500))
      committed = await committedOffset(url)
    }
    scene.report({ what: 'records passed, dev --on', value: committed, unit: '', atLeast: wanted })
  })
  scene.tell(`dev --on: ${broker.stderr().slice(-400)}`)
}

async function committedOffset(url: string): Promise<number> {
  const groups = (await (await fetch(`${url}/groups`)).json()) as { groups: { groupId: string }[] }
  const [group] = groups.groups
  if (!group) return 0
  const answer = await fetch(`${url}/groups/${encodeURIComponent(group.groupId)}/offsets`)
  const { offsets } = (await answer.json()) as { offsets: { offset: number }[] }
  return offsets[0]?.offset ?? 0
}

/** A process that reads it all and ends. */
async function watchProcess(scene: Scene, what: string, start: () => ChildProcess): Promise<void> {
  const child = start()
  const figures = new ProcessFigures(child.pid!)
  let stderr = ''
  child.stdout!.resume()
  child.stderr!.on('data', chunk => {
    stderr += chunk
  })
  let peakMb = 0
  const looking = setInterval(() => {
    peakMb = Math.max(peakMb, figures.peakMb)
  }, 20)
  const ending = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX)
  const [exitCode, signal] = await once(child, 'close')
  clearTimeout(ending)
  clearInterval(looking)
  if (exitCode !== 0) scene.tell(`${what} ended with ${exitCode ?? signal}: ${stderr.slice(-400)}`)
  scene.report({ what: `peak memory, ${what}`, value: peakMb, unit: 'MB', atMost: CONSUMER_PEAK_MB_MAX })
  scene.report({ what: `failed, ${what}`, value: exitCode === 0 ? 0 : 1, unit: '', atMost: 0 })
}
