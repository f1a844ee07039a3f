import { encodeBatch } from '../../../src/core/record/index.ts'
import { reseal } from '../../core/record/forge.ts'
import { BATCHES_TYPE } from '../http-calls.ts'
import { requestHead } from '../raw-connections.ts'
import type { Chance } from './chance.ts'
import { ODD_JSON, ODD_TEXTS } from './odd-values.ts'

/** A request as bytes, and whether it is still HTTP that a server has to answer. */
export interface FuzzedRequest {
  readonly bytes: Buffer
  readonly isWhole: boolean
}

const METHODS = [
  'GET',
  'GET',
  'POST',
  'POST',
  'PATCH',
  'DELETE',
  'PUT',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'QUERY',
  'get',
]
const TOPIC = ['fuzzed', 'fuzzed', 'fuzzed', 'absent']
const GROUP = ['readers', 'readers', 'others']
const PLACES: Readonly<Record<string, readonly string[]>> = {
  topic: TOPIC,
  groupId: GROUP,
  partition: ['0', '1', '2', '3', '7'],
  memberId: ['m-1', 'm-2'],
  key: ['segments%2Fd2%2Fx', '%2Fetc%2Fpasswd', '..%2F..%2Fetc%2Fpasswd'],
}
const PATHS = [
  '/topics',
  '/topics/{topic}',
  '/topics/{topic}/records',
  '/topics/{topic}/records',
  '/topics/{topic}/records',
  '/topics/{topic}/partitions/{partition}/records',
  '/topics/{topic}/partitions/{partition}/records',
  '/topics/{topic}/partitions/{partition}/offsets',
  '/topics/{topic}/fetch',
  '/fetch',
  '/groups',
  '/groups/{groupId}',
  '/groups/{groupId}/heartbeat',
  '/groups/{groupId}/offsets',
  '/groups/{groupId}/members/{memberId}',
  '/groups/{groupId}/triggers/{topic}',
  '/groups/{groupId}/triggers/{topic}/pause',
  '/groups/{groupId}/triggers/{topic}/resume',
  '/triggers',
  '/objects/{key}',
  '/health',
  '/health/ready',
  '/openapi.json',
]
const QUERY = {
  offset: ['0', '1', '5'],
  maxBytes: ['0', '1', '1000', '16777216'],
  minBytes: ['0', '1'],
  maxWaitMs: ['0', '10'],
  before: ['0', '1'],
  at: ['earliest', 'latest', '0'],
  partition: ['0', '1', '9'],
  locate: ['true', 'false'],
  encoding: ['auto', 'base64'],
  topicId: ['x'],
  topic: TOPIC,
  instanceId: ['i-1'],
  position: ['0'],
  bytes: ['10'],
  expires: ['1795297771651'],
  signature: ['AAAA'],
}
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  accept: [
    'application/json',
    BATCHES_TYPE,
    'application/vnd.tidemark.fetch-frames',
    '*/*',
    'text/html',
    'application/json;q=0',
    ';;;',
    '',
  ],
  'content-encoding': ['identity', 'gzip', 'br', ''],
  origin: ['null', 'http://127.0.0.1', 'http://evil.example'],
  host: ['localhost', 'evil.example', '127.0.0.1:1', '', '[::1]', 'a b'],
  range: ['bytes=0-10', 'bytes=-', 'bytes=9-1'],
  authorization: ['Bearer x', 'Basic', ''],
  expect: ['100-continue', '200-maybe'],
  connection: ['close', 'upgrade', 'keep-alive'],
  upgrade: ['websocket', 'h2c'],
  'x-forwarded-host': ['evil.example'],
  cookie: ['a'.repeat(4_000)],
}

/** One request, likely to be understood in most of its parts: what is nonsense all over gets no further than the door. */
export function fuzzedRequest(chance: Chance): FuzzedRequest {
  const path = chance.oneOf(PATHS)
  const method = chance.is(0.85) ? likelyMethod(path) : chance.oneOf(METHODS)
  const { body, type } = fuzzedBody(chance, path)
  const hasBody = method !== 'GET' && method !== 'HEAD' ? chance.is(0.9) : chance.is(0.05)
  const headers: Record<string, string | number> = {
    ...(hasBody && { 'content-type': chance.is(0.95) ? type : 'text/plain', 'content-length': body.length }),
  }
  for (const [name, values] of Object.entries(HEADERS))
    if (chance.is(0.015)) headers[name] = chance.oneOf(values)
  let isWhole = true
  if (chance.is(0.04)) {
    // Lengths that lie: the rest never comes, or is a request of its own.
    headers['content-length'] = chance.oneOf([
      0,
      1,
      body.length + 1,
      1e12,
      -1,
      'x',
      `${body.length}, ${body.length}`,
    ])
    isWhole = false
  }
  if (chance.is(0.02)) {
    headers['transfer-encoding'] = chance.oneOf(['chunked', 'gzip, chunked', 'identity'])
    isWhole = false
  }
  const head = requestHead(method, fuzzedPath(chance, path), headers)
  const bytes = Buffer.concat([Buffer.from(head), hasBody ? body : Buffer.alloc(0)])
  if (chance.is(0.05)) return { bytes: chance.damaged(bytes), isWhole: false }
  // What answers a HEAD, or switches protocols, is not read here as other answers are.
  return { bytes, isWhole: isWhole && headers.expect === undefined && headers.upgrade === undefined }
}

function likelyMethod(path: string): string {
  if (/\/(?:heartbeat|pause|resume|fetch)$|^\/topics\/\{topic\}\/records$/.test(path)) return 'POST'
  return path.includes('members') ? 'DELETE' : 'GET'
}

function fuzzedPath(chance: Chance, path: string): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    chance.is(0.93) ? chance.oneOf(PLACES[name]!) : wireText(chance.oneOf(ODD_TEXTS)),
  )
  const query = Object.entries(QUERY).flatMap(([name, values]) => {
    const probability = likelyQuery(path).includes(name) ? 0.75 : 0.03
    if (!chance.is(probability)) return []
    const value = chance.is(0.92) ? chance.oneOf<string>(values) : wireText(chance.oneOf(ODD_TEXTS))
    return chance.is(0.03) ? [`${name}=${value}`, `${name}=${value}`] : [`${name}=${value}`]
  })
  const end = chance.is(0.02) ? chance.oneOf(['/', '//', '?', '#x', ';x', '/..', '%']) : ''
  return `${filled}${query.length > 0 ? `?${query.join('&')}` : ''}${end}`
}

function likelyQuery(path: string): readonly string[] {
  if (path.endsWith('{partition}/records')) return ['offset', 'maxBytes', 'maxWaitMs', 'locate', 'encoding']
  if (path.endsWith('{partition}/offsets')) return ['at']
  if (path.endsWith('{topic}/records')) return ['partition']
  return path.startsWith('/objects') ? ['position', 'bytes', 'expires', 'signature'] : []
}

/** No blank ends a request line early. */
function wireText(text: string): string {
  return text.replaceAll(' ', '%20')
}

function fuzzedBody(chance: Chance, path: string): { body: Buffer; type: string } {
  if (path === '/topics/{topic}/records' && chance.is(0.6))
    return { body: fuzzedBatches(chance), type: BATCHES_TYPE }
  const text = JSON.stringify(fuzzedJson(chance, templateOf(path)))
  const body = Buffer.from(chance.is(0.03) ? `${'['.repeat(50_000)}${text}` : text)
  return { body: chance.is(0.08) ? chance.damaged(body) : body, type: 'application/json' }
}

function templateOf(path: string): unknown {
  if (path === '/topics') return { topic: 'made', partitions: 2, configs: { 'flush.ms': '50' } }
  if (path === '/topics/{topic}')
    return { partitions: 5, set: { 'max.message.bytes': '1000' }, unset: ['flush.ms'] }
  if (path.endsWith('/records')) {
    return {
      compression: 'zstd',
      records: [
        {
          key: 'dover',
          value: '6.2',
          headers: [{ key: 'unit', value: 'm' }],
          timestampMs: 1_735_732_800_000,
        },
        { partition: 3, value: { base64: 'AP8=' } },
      ],
    }
  }
  const owned = { topic: 'fuzzed', topicId: 'x', partition: 0, generation: 1 }
  if (path.endsWith('/heartbeat')) {
    return {
      memberId: 'm-1',
      memberEpoch: 0,
      topics: ['fuzzed'],
      topicPattern: '(a+)+b',
      owned: [owned],
      released: [owned],
      sessionTimeoutMs: 6_000,
      assignor: 'range',
      instanceId: 'i-1',
    }
  }
  if (path.endsWith('/offsets')) {
    return { memberId: 'm-1', offsets: [{ ...owned, offset: 0, metadata: 'x', sequence: 1, rewinds: true }] }
  }
  if (path.endsWith('fetch')) {
    const asked = { partition: 0, offset: 0, maxBytes: 1_000, topicId: 'x' }
    const partitions =
      path === '/fetch'
        ? [
            { topic: 'fuzzed', ...asked },
            { ...asked, partition: 1 },
          ]
        : [asked]
    return { partitions, maxBytes: 16_777_216, minBytes: 1, maxWaitMs: 10, locate: true }
  }
  return {}
}

/** The template, some of whose values are others, missing or too many. */
function fuzzedJson(chance: Chance, template: unknown): unknown {
  if (chance.is(0.02)) return chance.oneOf(ODD_JSON)
  if (Array.isArray(template)) {
    const items = template.map(item => fuzzedJson(chance, item))
    return chance.is(0.03) ? Array.from({ length: 2_000 }, () => items[0] ?? null) : items
  }
  if (typeof template !== 'object' || template === null) {
    return chance.is(0.03) ? chance.oneOf<unknown>(ODD_TEXTS) : template
  }
  const members = Object.entries(template).flatMap(([name, value]) => {
    // Most are optional: without some of them a request gets further.
    if (chance.is(0.25)) return []
    return [[chance.is(0.01) ? chance.oneOf(ODD_TEXTS) : name, fuzzedJson(chance, value)] as const]
  })
  return Object.fromEntries(members)
}

const BATCH_FIELDS: readonly [at: number, bytes: number][] = [
  [0, 8],
  [8, 4],
  [12, 4],
  [16, 1],
  [17, 4],
  [21, 2],
  [23, 4],
  [27, 8],
  [35, 8],
  [43, 8],
  [51, 2],
  [53, 4],
  [57, 4],
]

/** Batches of which one field lies, or some bytes; most of them with a checksum that is right all the same. */
function fuzzedBatches(chance: Chance): Buffer {
  const batches = Array.from({ length: 1 + chance.below(3) }, () => {
    const records = Array.from({ length: 1 + chance.below(20) }, () => ({
      key: chance.is(0.5) ? chance.bytes(chance.below(10)) : null,
      value: chance.is(0.9) ? chance.bytes(chance.below(200)) : null,
    }))
    const compression = chance.oneOf(['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)
    const isIdempotent = chance.is(0.2)
    const batch = Buffer.from(
      encodeBatch(records, {
        nowMs: Date.now() - chance.below(1e6),
        compression,
        ...(isIdempotent && {
          producerId: BigInt(chance.below(5)),
          producerEpoch: 0,
          baseSequence: chance.below(4),
        }),
      }),
    )
    if (chance.is(0.4)) {
      const [at, bytes] = chance.oneOf(BATCH_FIELDS)
      batch.set(chance.is(0.5) ? chance.bytes(bytes) : Buffer.alloc(bytes, chance.oneOf([0, 255, 127])), at)
    }
    if (chance.is(0.2)) batch[61 + chance.below(batch.length - 61)] = chance.below(256)
    return chance.is(0.85) && batch.length > 21 ? Buffer.from(reseal(batch)) : batch
  })
  const all = Buffer.concat(batches)
  return chance.is(0.1) ? chance.damaged(all) : all
}
