import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../broker-process.ts'
import { Chance } from '../fuzz/chance.ts'
import { fuzzedRequest } from '../fuzz/requests.ts'
import { call, callJson, createTopic } from '../http-calls.ts'
import { RawConnections } from '../raw-connections.ts'
import type { Attack } from '../scene.ts'

const PEAK_MB_MAX = 400
const WORKERS = 16
/** A request that is whole is answered by then, however busy the machine is. */
const ANSWER_MS_MAX = 15_000
/** What is not whole is left waiting only so long, so that there is time for others. */
const BROKEN_MS_MAX = 300
const EXAMPLES_MAX = 5
const HONEST_RECORDS = 200

export const fuzz: Attack = {
  name: 'fuzz',
  about:
    'requests that are made and damaged by chance: methods, paths, headers, JSON, record batches, lengths that lie',
  async run(scene) {
    const { seed, seconds } = scene.settings
    const broker = await scene.start()
    await createTopic(broker.url, 'fuzzed', { partitions: 4 })
    await createTopic(broker.url, 'honest', { partitions: 1 })
    const values = Array.from({ length: HONEST_RECORDS }, (_, index) => ({ value: `honest ${index}` }))
    await callJson(`${broker.url}/topics/honest/records`, { records: values })
    const honest = () => call(`${broker.url}/topics/honest/partitions/0/records?offset=0&maxBytes=100000000`)
    const before = (await honest()).text
    const limit = scene.sized(Number.POSITIVE_INFINITY, 1_500)
    const limitMs = performance.now() + (scene.isShort ? 20_000 : seconds * 1_000)
    const counts = new Map<string, number>()
    const examples: string[] = []
    let next = 0
    const work = async () => {
      while (next < limit && performance.now() < limitMs && broker.ended === undefined) {
        const index = next++
        const { bytes, isWhole } = fuzzedRequest(new Chance(seed + index * 7_919))
        const outcome = await send(broker, bytes, isWhole)
        const kind = outcome.wrong ?? String(outcome.status)
        counts.set(kind, (counts.get(kind) ?? 0) + 1)
        if (outcome.wrong && examples.length < EXAMPLES_MAX) {
          const start = bytes.toString('latin1').slice(0, 300)
          examples.push(
            `${outcome.wrong}: ${JSON.stringify(start)} got ${JSON.stringify(outcome.text.slice(0, 400))}`,
          )
        }
      }
    }
    await scene.watch(broker, { peakMb: PEAK_MB_MAX }, () =>
      Promise.all(Array.from({ length: WORKERS }, work)),
    )
    scene.tell(`${next} requests: ${[...counts].map(([kind, count]) => `${count} × ${kind}`).join(', ')}`)
    for (const example of examples) scene.tell(example)
    scene.report({ what: 'requests', value: next, unit: '', atLeast: scene.sized(1_000, 500) })
    scene.report({ what: 'answers of 500 and above', value: counts.get('5xx') ?? 0, unit: '', atMost: 0 })
    scene.report({
      what: 'whole requests without an answer',
      value: counts.get('silent') ?? 0,
      unit: '',
      atMost: 0,
    })
    const after = (await honest()).text
    const isSame = before.includes(`honest ${HONEST_RECORDS - 1}`) && before === after
    scene.report({ what: "honest topic's records changed", value: isSame ? 0 : 1, unit: '', atMost: 0 })
  },
}

interface Outcome {
  /** 0 where none came. */
  status: number
  text: string
  wrong?: '5xx' | 'silent'
}

async function send(broker: Target, bytes: Buffer, isWhole: boolean): Promise<Outcome> {
  const raw = new RawConnections(broker.port)
  const socket = await raw.open(true)
  let text = ''
  const answered = Promise.withResolvers<void>()
  socket.setEncoding('latin1').on('data', chunk => {
    if (text.length < 100_000) text += chunk
    if (hasEnded(text)) answered.resolve()
  })
  socket.write(bytes)
  const giveUp = new AbortController()
  const waitMs = isWhole ? ANSWER_MS_MAX : BROKEN_MS_MAX
  const waited = sleep(waitMs, undefined, { signal: giveUp.signal }).catch(() => {})
  await Promise.race([
    answered.promise,
    once(socket, 'close', { signal: giveUp.signal }).catch(() => {}),
    waited,
  ])
  giveUp.abort()
  raw.close()
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)
  if (isWhole && status === 0) return { status, text, wrong: 'silent' }
  // What is stored is what a producer sent, and its CRC is right: that it cannot be read as JSON is no fault of the server.
  const isStoredDamage = text.includes('A stored batch cannot be read as JSON')
  if (status >= 500 && !isStoredDamage) return { status, text, wrong: '5xx' }
  return { status, text }
}

/** As far as it can be told of the first answer: its head is there, and the body that the head announces. */
function hasEnded(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, headEnd)) ?? []
  if (length !== undefined) return text.length >= headEnd + 4 + Math.min(Number(length), 90_000)
  return /\r\ntransfer-encoding: chunked/i.test(text) ? text.endsWith('0\r\n\r\n') : true
}
