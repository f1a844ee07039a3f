import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from '../../../src/gateway/wire/api.ts'
import { WireClient } from '../wire-client.ts'

/**
 * Asks a broker, and writes down what it says.
 * @param isPassing answers that say only to ask again: so it is done for a while, and the last answer counts
 */
export type Asking = <Written, Read>(
  label: string,
  api: Api<unknown, unknown, Written, Read>,
  version: number,
  request: Written,
  isPassing?: (answer: Read) => boolean,
) => Promise<Read | undefined>

/** What is asked for in a row; each label once. */
export type Scene = (ask: Asking, prefix: string) => Promise<void>

/** Members have one at the end of their ids. */
const UUIDS = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
/** An answer that takes longer is none: Kafka says nothing at all to some requests that no client sends. */
const PATIENCE_MS = 10_000
const PASSING_TRIES_MAX = 50
const PASSING_PAUSE_MS = 100
/** Of our time: anything above is a moment. */
const LONG_AGO_MS = 1_600_000_000_000

/** What a broker says to a scene's requests, by their labels, without what may differ between any two brokers. */
export async function play(
  scene: Scene,
  { host, port }: { host: string; port: number },
  prefix: string,
): Promise<Map<string, unknown>> {
  const answers = new Map<string, unknown>()
  const ids = new Map<string, string>()
  let client = await WireClient.connect(host, port)
  const ask: Asking = async (label, api, version, request, isPassing = () => false) => {
    if (answers.has(label)) throw new Error(`"${label}" is asked twice`)
    let answer = await inTime(client.ask(api, version, request))
    for (let tries = 1; answer !== undefined && isPassing(answer) && tries < PASSING_TRIES_MAX; tries += 1) {
      await sleep(PASSING_PAUSE_MS)
      answer = await inTime(client.ask(api, version, request))
    }
    answers.set(label, answer === undefined ? 'the connection ends' : plain(answer, ids, prefix))
    if (answer !== undefined) return answer
    client.close()
    client = await WireClient.connect(host, port)
    return undefined
  }
  try {
    await scene(ask, prefix)
  } finally {
    client.close()
  }
  return answers
}

async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Without messages, places and ids; lists in an order of their own, since most of Kafka's have none. */
function plain(value: unknown, ids: Map<string, string>, prefix: string): unknown {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) {
    const plainOnes = value.map(one => plain(one, ids, prefix))
    return plainOnes.sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1))
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([name]) => !LEFT_OUT.includes(name))
    return Object.fromEntries(
      members.map(([name, member]) => [name, STANDINS[name]?.(member) ?? plain(member, ids, prefix)]),
    )
  }
  if (typeof value === 'string') {
    return value.replaceAll(prefix, '').replace(UUIDS, id => {
      // Those that were asked for, and that there are none of.
      if (id.startsWith('00000000')) return id
      if (!ids.has(id)) ids.set(id, `id ${ids.size + 1}`)
      return ids.get(id)!
    })
  }
  if (typeof value === 'number' && value > LONG_AGO_MS) return 'a time'
  return value
}

const LEFT_OUT = [
  'throttleTimeMs',
  'errorMessage',
  'batchIndexErrorMessage',
  'host',
  'port',
  'totalBytes',
  'usableBytes',
]

const STANDINS: Readonly<Record<string, (value: unknown) => unknown>> = {
  clusterId: value => (value ? 'a cluster' : value),
  logDir: () => 'a folder',
  // Of groups: both count as they like, and say how often they want to hear of a member.
  memberEpoch: value => (Number(value) > 0 ? 'an epoch' : value),
  groupEpoch: value => (Number(value) > 0 ? 'an epoch' : value),
  assignmentEpoch: value => (Number(value) > 0 ? 'an epoch' : value),
  heartbeatIntervalMs: value => (Number(value) > 0 ? 'an interval' : value),
  producerId: value => (Number(value) >= 0 ? 'a producer' : value),
  transactionStartTimeMs: value => (Number(value) >= 0 ? 'a time' : value),
}
