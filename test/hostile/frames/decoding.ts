import { performance } from 'node:perf_hooks'
import { apiOf } from '../../../src/gateway/wire/apis.ts'
import { decodeRequestHeader } from '../../../src/gateway/wire/header.ts'
import { WireError } from '../../../src/gateway/wire/reader.ts'
import { Chance } from '../fuzz/chance.ts'
import { mutatedFrame } from './mutations.ts'
import { clientRequests } from './requests.ts'

export interface DecodedFrames {
  readonly decoded: number
  /** Told to be no message. */
  readonly refused: number
  /** What went wrong in any other way: at most some of them. */
  readonly failures: readonly string[]
  readonly slowestMs: number
}

const FAILURES_MAX = 5

/** Decodes so many mutated requests in this process, as a gateway does. */
export function decodeMutations(seed: number, count: number): DecodedFrames {
  const requests = clientRequests(new Chance(seed))
  const failures: string[] = []
  let decoded = 0
  let refused = 0
  let slowestMs = 0
  for (let index = 0; index < count; index++) {
    const { bytes } = mutatedFrame(new Chance(seed + index * 7_919), requests)
    const frame = bytes.subarray(4)
    const startedMs = performance.now()
    try {
      const { apiKey, apiVersion, bodyAt } = decodeRequestHeader(frame, apiOf)
      apiOf(apiKey, apiVersion)?.decodeRequest(apiVersion, frame, bodyAt)
      decoded++
    } catch (error) {
      if (error instanceof WireError) refused++
      else if (failures.length < FAILURES_MAX) failures.push(`${bytes.toString('hex')}: ${error}`)
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedMs)
  }
  return { decoded, refused, failures, slowestMs }
}
