export const JSON_TYPE = 'application/json'
export const PROBLEM_TYPE = 'application/problem+json'
/** Kafka's RecordBatch, magic 2: one, or several one after the other. */
export const BATCHES_TYPE = 'application/vnd.tidemark.record-batches'
/** A frame with record batches for each partition that was asked for: records/fetch-frames.ts. */
export const FRAMES_TYPE = 'application/vnd.tidemark.fetch-frames'
export const BYTES_TYPE = 'application/octet-stream'

/** The type of a Content-Type header, without its parameters; undefined when there is none. */
export function mediaTypeOf(contentType: string | null | undefined): string | undefined {
  return contentType?.split(';', 1).at(0)?.trim().toLowerCase() || undefined
}

/**
 * Which of `offered` a client wants that sent this Accept header; the first one when it has no preference.
 * undefined when it accepts none of them.
 */
export function chooseMediaType<T extends string>(
  accept: string | null,
  offered: readonly T[],
): T | undefined {
  if (accept === null || accept.trim() === '') return offered[0]
  // Of this one alone.
  const only = offered.find(type => type === accept)
  if (only !== undefined) return only
  const ranges = accept.split(',').map(parseRange)
  let best: T | undefined
  let bestQuality = 0
  for (const type of offered) {
    const quality = qualityOf(type, ranges)
    if (quality > bestQuality) {
      best = type
      bestQuality = quality
    }
  }
  return best
}

interface MediaRange {
  type: string
  quality: number
}

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map(part => part.trim().toLowerCase())
  const weight = parameters.find(parameter => parameter.startsWith('q='))
  const quality = weight === undefined ? 1 : Number(weight.slice(2))
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 }
}

/** The most specific range decides, whatever the others say: RFC 9110, section 12.5.1. */
function qualityOf(type: string, ranges: readonly MediaRange[]): number {
  const anySubtype = `${type.slice(0, type.indexOf('/'))}/*`
  for (const wanted of [type, anySubtype, '*/*']) {
    const range = ranges.find(candidate => candidate.type === wanted)
    if (range !== undefined) return range.quality
  }
  return 0
}
