import type { Target } from '../broker-process.ts'
import { type Answer, call, countStatuses, createTopic, isServerError, mustProduce } from '../http-calls.ts'
import type { Attack, Scene } from '../scene.ts'
import { INFLATED_BYTES, inflatingBatch, tinyRecords } from './batches.ts'

const PEAK_MB_MAX = 300
/** A hundred answers one after the other: what the runtime has not tidied up yet counts. */
const READ_ON_PEAK_MB_MAX = 400
/** Reading on gets further with every answer, so it ends. */
const STEPS_MAX = 400

export const inflatingJson: Attack = {
  name: 'inflating-json',
  about: 'JSON reads of batches that are small in the store and huge in an answer',
  async run(scene) {
    for (const readers of scene.isShort ? [5] : [1, 5, 40]) {
      await scene.on(broker => readAtOnce(scene, broker, `${readers} reads`, readers, inflatingBatch()))
    }
    const batch = inflatingBatch({ records: 130, recordBytes: 960_000 })
    const readers = scene.sized(40, 5)
    await scene.on(broker => readAtOnce(scene, broker, `${readers} reads of 130`, readers, batch))
    for (const stored of scene.isShort ? STORED.slice(0, 1) : STORED) {
      await scene.on(broker => readOn(scene, broker, stored))
    }
    await scene.on(broker => findTimes(scene, broker))
    for (const attack of scene.isShort ? TINY.slice(-1) : TINY) {
      await scene.on(broker => readTiny(scene, broker, attack))
    }
  },
}

async function readAtOnce(
  scene: Scene,
  broker: Target,
  turn: string,
  readers: number,
  batch: Uint8Array,
): Promise<void> {
  const { url } = broker
  await createTopic(url, 'inflating')
  await mustProduce(url, 'inflating', batch)
  const answers = await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn }, () =>
    Promise.all(
      Array.from({ length: readers }, () => call(`${recordsUrl(url, 'inflating', 0)}&maxBytes=16777216`)),
    ),
  )
  tellAnswers(scene, turn, answers)
}

interface Stored {
  readonly turn: string
  readonly batches: number
  /** In each of them. */
  readonly records: number
  readonly recordBytes: number
}

const STORED: readonly Stored[] = [
  // As text, their sum is longer than a string can be.
  { turn: '130 of 0.96 MB', batches: 1, records: 130, recordBytes: 960_000 },
  { turn: '12 of 80 MB', batches: 12, records: 1, recordBytes: INFLATED_BYTES },
]

/** Whoever reads JSON gets to the end, whatever lies on the way. */
async function readOn(scene: Scene, broker: Target, stored: Stored): Promise<void> {
  const { url } = broker
  const { turn, batches, records, recordBytes } = stored
  await createTopic(url, 'on-end')
  const batch = inflatingBatch({ records, recordBytes })
  for (let index = 0; index < batches; index++) await mustProduce(url, 'on-end', batch)
  await scene.watch(broker, { peakMb: READ_ON_PEAK_MB_MAX, turn }, async () => {
    const end = batches * records
    let offset = 0
    let steps = 0
    for (; offset < end && steps < STEPS_MAX; steps++) {
      const answer = await call(recordsUrl(url, 'on-end', offset))
      const next = nextOffset(answer)
      if (next === undefined || next <= offset) {
        scene.tell(`at offset ${offset}: ${answer.status} ${answer.error ?? answer.text.slice(0, 300)}`)
        break
      }
      offset = next
    }
    scene.report({ what: `records not reached by JSON, ${turn}`, value: end - offset, unit: '', atMost: 0 })
    scene.report({ what: `requests that it took, ${turn}`, value: steps, unit: '' })
  })
}

/** Where to go on: an answer says so in `nextOffset`, and a refusal of what is too large for JSON says it in words. */
function nextOffset({ status, text }: Answer): number | undefined {
  const [, told, inWords] = /"nextOffset":(\d+)|go on at (?:the )?offset (\d+)/i.exec(text) ?? []
  const next = told ?? inWords
  return status === 0 || status >= 500 || next === undefined ? undefined : Number(next)
}

/** Looking for a time opens the batch in which it lies. */
async function findTimes(scene: Scene, broker: Target): Promise<void> {
  const { url } = broker
  const nowMs = Date.now()
  await createTopic(url, 'times')
  await mustProduce(url, 'times', inflatingBatch({ nowMs, untilMs: nowMs + 1_000 }))
  const turn = `${scene.sized(40, 5)} looks for a time`
  const answers = await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn }, () =>
    Promise.all(
      Array.from({ length: scene.sized(40, 5) }, () =>
        call(`${url}/topics/times/partitions/0/offsets?at=${nowMs + 500}`),
      ),
    ),
  )
  tellAnswers(scene, turn, answers)
}

interface TinyRecords {
  records: number
  compression: 'none' | 'zstd'
  readers: number
  /** Where they begin. */
  offset: number
}

const TINY: readonly TinyRecords[] = [
  { records: 120_000, compression: 'none', readers: 1, offset: 0 },
  { records: 120_000, compression: 'none', readers: 20, offset: 0 },
  { records: 900_000, compression: 'zstd', readers: 40, offset: 899_990 },
  { records: 900_000, compression: 'zstd', readers: 20, offset: 0 },
]

async function readTiny(scene: Scene, broker: Target, attack: TinyRecords): Promise<void> {
  const { records, compression, readers, offset } = attack
  await createTopic(broker.url, 'tiny', { configs: { 'max.message.bytes': '4194304' } })
  await mustProduce(broker.url, 'tiny', tinyRecords(records, compression))
  const turn = `${readers} × ${records} tiny, from ${offset}`
  const startedMs = performance.now()
  const answers = await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn }, () =>
    Promise.all(Array.from({ length: readers }, () => call(recordsUrl(broker.url, 'tiny', offset)))),
  )
  const tookMs = performance.now() - startedMs
  scene.report({ what: `time for all, ${turn}`, value: tookMs, unit: 'ms', isTimed: true })
  tellAnswers(scene, turn, answers)
}

function tellAnswers(scene: Scene, turn: string, answers: readonly Answer[]): void {
  const megabytes = answers.reduce((sum, { bytes }) => sum + bytes, 0) / 1_000_000
  const counts = [...countStatuses(answers)].map(([status, count]) => `${count} × ${status}`)
  const [refusal] = answers.filter(({ status }) => status !== 200)
  const words = refusal ? `, ${refusal.error ?? refusal.text.slice(0, 300)}` : ''
  scene.tell(`${turn}: ${counts.join(', ')}, ${megabytes.toFixed(0)} MB${words}`)
  const broken = answers.filter(answer => answer.status === 0 || isServerError(answer)).length
  scene.report({ what: `5xx or no answer, ${turn}`, value: broken, unit: '', atMost: 0 })
}

function recordsUrl(url: string, topic: string, offset: number): string {
  return `${url}/topics/${topic}/partitions/0/records?offset=${offset}`
}
