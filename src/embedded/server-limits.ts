import { descriptorsMax } from '../adapters/local/descriptors.ts'
import { shareDescriptors } from '../core/descriptor-shares.ts'
import {
  HTTP_ANSWER_WAIT_MS,
  HTTP_ANSWERS_BYTES_MAX,
  HTTP_BODY_PACE_BYTES,
  HTTP_BODY_PACE_MS,
  HTTP_SEND_PACE_BYTES,
  HTTP_SEND_PACE_MS,
  HTTP_SEND_PRESSED_PACE_BYTES,
} from '../core/limits.ts'

/** What a server holds its clients to. */
export interface ServerLimits {
  /** Connections that are served at the same time, and those beside them that are told to come back later. */
  readonly connections: number
  readonly spare: number
  /** So much of a body has to arrive in each such time, or all that there is of it. */
  readonly bodyPaceMs: number
  readonly bodyPaceBytes: number
  /** So much of an answer has to be taken in each such time, or all of it; more where others wait for room. */
  readonly sendPaceMs: number
  readonly sendPaceBytes: number
  readonly sendPressedPaceBytes: number
  /** Answers that are read from the store, until they are sent; and how long one of them waits for room. */
  readonly answersBytesMax: number
  readonly answerWaitMs: number
}

/** What there is of connections, where one process serves HTTP and Kafka's clients. */
export function shareConnections(): {
  readonly http: Pick<ServerLimits, 'connections' | 'spare'>
  readonly gateway: number
} {
  const { connections, spare } = shareDescriptors(descriptorsMax())
  const gateway = Math.floor(connections / 2)
  return { http: { connections: connections - gateway, spare }, gateway }
}

/** Those of this process, but for what somebody wants otherwise. */
export function serverLimits(wanted: Partial<ServerLimits> = {}): ServerLimits {
  const { connections, spare } = shareDescriptors(descriptorsMax())
  return {
    connections,
    spare,
    bodyPaceMs: HTTP_BODY_PACE_MS,
    bodyPaceBytes: HTTP_BODY_PACE_BYTES,
    sendPaceMs: HTTP_SEND_PACE_MS,
    sendPaceBytes: HTTP_SEND_PACE_BYTES,
    sendPressedPaceBytes: HTTP_SEND_PRESSED_PACE_BYTES,
    answersBytesMax: HTTP_ANSWERS_BYTES_MAX,
    answerWaitMs: HTTP_ANSWER_WAIT_MS,
    ...wanted,
  }
}
