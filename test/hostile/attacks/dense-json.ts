import type { Target } from '../broker-process.ts'
import { type Answer, call, callJson, countStatuses, createTopic } from '../http-calls.ts'
import type { Attack, Scene } from '../scene.ts'

const MiB = 1024 * 1024
const PEAK_MB_MAX = 400

interface Dense {
  readonly turn: string
  readonly path: string
  readonly body: (bytes: number) => string
}

/** As many of one text as fit, between a beginning and an end. */
function filled(bytes: number, begin: string, item: string, end: string): string {
  const count = Math.floor((bytes - begin.length - end.length) / (item.length + 1))
  return `${begin}${`${item},`.repeat(count - 1)}${item}${end}`
}

/** Bodies of which every few bytes become an object, or a level. */
const BODIES: readonly Dense[] = [
  {
    turn: 'empty records',
    path: '/topics/tides/records',
    body: bytes => filled(bytes, '{"records":[', '{}', ']}'),
  },
  {
    turn: 'records of nothing',
    path: '/topics/tides/records',
    body: bytes => filled(bytes, '{"records":[', '{"value":null}', ']}'),
  },
  {
    turn: 'headers',
    path: '/topics/tides/records',
    body: bytes => filled(bytes, '{"records":[{"value":"x","headers":[', '{"key":"","value":""}', ']}]}'),
  },
  {
    turn: 'a value of lists',
    path: '/topics/tides/records',
    body: bytes => filled(bytes, '{"records":[{"value":{"json":[', '[]', ']}}]}'),
  },
  {
    turn: 'levels',
    path: '/topics/tides/records',
    body: bytes =>
      `{"records":[{"value":{"json":${'['.repeat(bytes / 2 - 30)}${']'.repeat(bytes / 2 - 30)}}}]}`,
  },
  {
    turn: 'names',
    path: '/topics',
    body: bytes => filled(bytes, '{"topic":"x","configs":{', '"a":"b"', '}}'),
  },
  {
    turn: 'topics of a member',
    path: '/groups/readers/heartbeat',
    body: bytes => filled(bytes, '{"memberId":"m","memberEpoch":0,"owned":[],"topics":[', '"t"', ']}'),
  },
  {
    turn: 'partitions of a member',
    path: '/groups/readers/heartbeat',
    body: bytes =>
      filled(
        bytes,
        '{"memberId":"m","memberEpoch":0,"topics":["tides"],"owned":[',
        '{"topic":"tides","topicId":"x","partition":0,"generation":1}',
        ']}',
      ),
  },
  {
    turn: 'commits',
    path: '/groups/readers/offsets',
    body: bytes => filled(bytes, '{"offsets":[', '{"topic":"tides","partition":0,"offset":0}', ']}'),
  },
]

export const denseJson: Attack = {
  name: 'dense-json',
  about: 'bodies in JSON, as large as they may be, of which every few bytes become an object',
  async run(scene) {
    for (const dense of BODIES) await scene.on(broker => attack(scene, broker, dense))
    await scene.on(broker => wideTopic(scene, broker))
  },
}

async function attack(scene: Scene, broker: Target, { turn, path, body }: Dense): Promise<void> {
  await createTopic(broker.url, 'tides')
  const calls = scene.sized(6, 2)
  const text = body(scene.sized(8 * MiB - 100, MiB))
  const headers = { 'content-type': 'application/json' }
  const answers = await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn }, () =>
    Promise.all(
      Array.from({ length: calls }, () =>
        call(`${broker.url}${path}`, { method: 'POST', headers, body: text }),
      ),
    ),
  )
  tell(scene, turn, answers)
}

/** As many partitions as a topic may have, and everything that lists them. */
async function wideTopic(scene: Scene, broker: Target): Promise<void> {
  const { url } = broker
  const partitions = scene.sized(10_000, 1_000)
  await createTopic(url, 'wide', { partitions })
  const turn = `${partitions} partitions`
  const answers = await scene.watch(broker, { peakMb: PEAK_MB_MAX, turn }, async () => {
    const looks = Array.from({ length: scene.sized(20, 4) }, async (_, index) => {
      const memberId = `m-${index}`
      const join = { memberId, memberEpoch: 0, topics: ['wide'], owned: [] }
      return [
        await call(`${url}/topics/wide`),
        await callJson(`${url}/groups/g-${index}/heartbeat`, join),
        await call(`${url}/groups/g-${index}`),
      ]
    })
    return (await Promise.all(looks)).flat()
  })
  tell(scene, turn, answers)
}

function tell(scene: Scene, turn: string, answers: readonly Answer[]): void {
  const counts = [...countStatuses(answers)].map(([status, count]) => `${count} × ${status}`)
  const [refusal] = answers.filter(({ status }) => status !== 200)
  scene.tell(
    `${turn}: ${counts.join(', ')}${refusal ? `, ${refusal.error ?? refusal.text.slice(0, 200)}` : ''}`,
  )
  const broken = answers.filter(({ status }) => status === 0 || status >= 500).length
  scene.report({ what: `5xx or no answer, ${turn}`, value: broken, unit: '', atMost: 0 })
}
