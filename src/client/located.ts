import type { Fetched, Located, LocatedRange } from '../contract/broker.ts'
import { fromProblem } from '../contract/http/schemas/problem.ts'
import { batchesOf } from '../core/batches/batch-run.ts'
import { TidemarkError } from '../core/errors.ts'
import { LOCATED_READ_TIMEOUT_MS, READ_PARALLEL_MAX } from '../core/limits.ts'
import { advance, later, type Offset, toOffset } from '../core/numbers.ts'
import { DeadlinePassed, withDeadline } from './deadline.ts'
import { codesOf } from './failed-fetch.ts'

export interface LocatedSettings {
  /** Batches that end at or before it are left out; unless it is given, an answer may begin with some. */
  from?: Offset
  /** For each range. */
  timeoutMs?: number
  signal?: AbortSignal
}

/**
 * Reads what `locate` found, straight from where it lies, and gives it the form of a fetch: whole batches in
 * order, CRCs checked, offsets filled in.
 * @throws KAFKA_STORAGE_ERROR or TOPIC_AUTHORIZATION_FAILED when a URL works no more (locate again),
 *   NETWORK_EXCEPTION, REQUEST_TIMED_OUT, CORRUPT_MESSAGE
 */
export async function fetchLocated(
  { startOffset, endOffset, nextOffset, ranges }: Located,
  settings: LocatedSettings = {},
): Promise<Fetched> {
  const chunks: Uint8Array[] = []
  for (let start = 0; start < ranges.length; start += READ_PARALLEL_MAX) {
    const group = ranges.slice(start, start + READ_PARALLEL_MAX)
    const reads = await Promise.all(group.map(range => readRange(range, settings)))
    chunks.push(...reads.filter(bytes => bytes.length > 0))
  }
  return { startOffset, endOffset, nextOffset, chunks }
}

async function readRange(range: LocatedRange, settings: LocatedSettings): Promise<Uint8Array> {
  const { from = toOffset(0) } = settings
  // A copy of inline bytes, since filling in the offsets must not change what the caller holds.
  const bytes = 'inline' in range ? Uint8Array.from(range.inline) : await download(range, settings)
  if (bytes.length !== range.bytes) throw damaged(range, `of ${range.bytes} bytes ${bytes.length} came`)
  return range.offsets === 'final' ? takeStored(bytes, range, from) : takeCounted(bytes, range, from)
}

/** Fills the offsets in. */
function takeCounted(bytes: Uint8Array, range: LocatedRange, from: Offset): Uint8Array {
  let covered = 0
  let start = 0
  for (const { offset, span, position, header } of batchesOf(bytes, range.baseOffset)) {
    covered += span
    if (advance(offset, span) <= from) start = position + header.sizeBytes
  }
  if (covered !== range.span || covered !== range.records)
    throw damaged(range, `of ${range.span} offsets ${covered} came`)
  return bytes.subarray(start)
}

/** What ends before the range begins lies somewhere else as well, and there it may have been cleaned. */
function takeStored(bytes: Uint8Array, range: LocatedRange, from: Offset): Uint8Array {
  const first = later(range.baseOffset, from)
  let start = 0
  const end = advance(range.baseOffset, range.span)
  for (const { offset, span, position, header } of batchesOf(bytes, toOffset(0), 'stored', end)) {
    if (advance(offset, span) <= first) start = position + header.sizeBytes
  }
  return bytes.subarray(start)
}

async function download(
  { url, position, bytes }: Extract<LocatedRange, { url: string }>,
  { timeoutMs = LOCATED_READ_TIMEOUT_MS, signal }: LocatedSettings,
): Promise<Uint8Array> {
  const headers = { range: `bytes=${position}-${position + bytes - 1}` }
  try {
    return await withDeadline(timeoutMs, signal, async signal => {
      const response = await fetch(url, { headers, signal })
      if (!response.ok) throw await refused(response, url)
      return new Uint8Array(await response.arrayBuffer())
    })
  } catch (error) {
    if (error instanceof TidemarkError) throw error
    const [name, what] =
      error instanceof DeadlinePassed
        ? (['REQUEST_TIMED_OUT', `did not come in time: ${error.message}`] as const)
        : ([
            'NETWORK_EXCEPTION',
            `could not be read (${codesOf(error).join(', ') || 'no connection'})`,
          ] as const)
    throw new TidemarkError(name, `A located range ${whereOf(url)} ${what}.`, 'no', { cause: error })
  }
}

async function refused(response: Response, url: string): Promise<TidemarkError> {
  const text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  const problem = type.includes('json') ? fromProblem(JSON.parse(text)) : undefined
  const message = `A located range ${whereOf(url)} was answered with ${response.status}. Its URL may have expired: locate it again.`
  return problem ?? new TidemarkError('KAFKA_STORAGE_ERROR', message)
}

/** Without the path and the query: who reads those in a log could read the records. */
function whereOf(url: string): string {
  if (URL.canParse(url)) return `at ${new URL(url).host}`
  return 'without a host in its URL, before which the address of the broker belongs,'
}

function damaged({ baseOffset }: LocatedRange, what: string): TidemarkError {
  return new TidemarkError(
    'CORRUPT_MESSAGE',
    `The located range at offset ${baseOffset} is damaged: ${what}.`,
  )
}
