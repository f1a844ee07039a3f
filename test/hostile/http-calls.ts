import { type Agent, request } from 'node:http'
import { BATCHES_TYPE } from '../../src/contract/http/media-types.ts'

export { BATCHES_TYPE }

export interface Call {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** A connection of its own where it is left out. */
  readonly agent?: Agent
  readonly timeoutMs?: number
}

export interface Answer {
  /** 0: no answer came. */
  readonly status: number
  readonly bytes: number
  /** Its first bytes: errors are short, and large answers are only counted. */
  readonly text: string
  readonly headers: NodeJS.Dict<string | string[]>
  /** What broke instead. */
  readonly error?: string
}

const TEXT_BYTES_MAX = 256 * 1024

/** Never throws, and keeps no more than the beginning of an answer. */
export function call(
  url: string,
  { method = 'GET', headers = {}, body, agent, timeoutMs = 120_000 }: Call = {},
) {
  return new Promise<Answer>(resolve => {
    const chunks: Buffer[] = []
    let bytes = 0
    let kept = 0
    const failed = (error: Error & { code?: string }) =>
      resolve({ status: 0, bytes, text: '', headers: {}, error: error.code ?? error.message })
    const asked = request(url, { method, headers, agent: agent ?? false, timeout: timeoutMs }, answer => {
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (kept < TEXT_BYTES_MAX) chunks.push(chunk.subarray(0, TEXT_BYTES_MAX - kept))
        kept += chunk.length
      })
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: answer.statusCode!, bytes, text, headers: answer.headers })
      })
      answer.on('error', failed)
    })
    asked.on('timeout', () => asked.destroy(new Error('timeout')))
    asked.on('error', failed)
    asked.end(body)
  })
}

export function callJson(url: string, value: unknown, options: Call = {}): Promise<Answer> {
  return call(url, {
    method: 'POST',
    ...options,
    headers: { 'content-type': 'application/json', ...options.headers },
    body: JSON.stringify(value),
  })
}

export async function createTopic(
  url: string,
  topic: string,
  { partitions = 1, configs = {} }: { partitions?: number; configs?: Record<string, string> } = {},
): Promise<void> {
  const { status, text } = await callJson(`${url}/topics`, { topic, partitions, configs })
  if (status !== 201 && status !== 200) throw new Error(`creating ${topic}: ${status} ${text}`)
}

function produceBatches(url: string, topic: string, body: Uint8Array, partition = 0): Promise<Answer> {
  const headers = { 'content-type': BATCHES_TYPE }
  return call(`${url}/topics/${topic}/records?partition=${partition}`, { method: 'POST', headers, body })
}

export async function mustProduce(
  url: string,
  topic: string,
  body: Uint8Array,
  partition = 0,
): Promise<void> {
  const { status, text, error } = await produceBatches(url, topic, body, partition)
  if (status !== 200) throw new Error(`producing to ${topic}: ${status} ${error ?? text}`)
}

/** How often each status came; 0 stands for none. */
export function countStatuses(answers: readonly Answer[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
  return counts
}

export function isServerError({ status }: Answer): boolean {
  return status >= 500
}
