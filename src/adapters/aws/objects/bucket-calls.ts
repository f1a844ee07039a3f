import type { S3Client } from '@aws-sdk/client-s3'
import { AWS_ATTEMPTS_MAX, OBJECT_BYTES_PER_SECOND_MIN } from '../../../core/limits.ts'
import { type AwsCall, asStoreError } from '../aws-failures.ts'
import type { ClientPair } from '../connection.ts'

/** What the SDK sends without a second pass over its bytes. */
const UNSIGNED_COMMANDS = ['PutObjectCommand', 'UploadPartCommand']

/** Calls `expired` after so many milliseconds, unless what it answers is called before. */
export type StartTimer = (durationMs: number, expired: () => void) => () => void

const startTimer: StartTimer = (durationMs, expired) => {
  const timer = setTimeout(expired, durationMs)
  return () => clearTimeout(timer)
}

/** Requests to one bucket, none of which is waited for without end. */
export class BucketCalls {
  readonly once: S3Client
  readonly repeating: S3Client
  readonly bucket: string
  readonly #tryTimeoutMs: number
  readonly #startTimer: StartTimer

  /** @param tryTimeoutMs how long one try may take, beyond the time that its bytes take */
  constructor(
    { once, repeating }: ClientPair<S3Client>,
    bucket: string,
    tryTimeoutMs: number,
    start: StartTimer = startTimer,
  ) {
    this.once = once
    this.repeating = repeating
    this.bucket = bucket
    this.#tryTimeoutMs = tryTimeoutMs
    this.#startTimer = start
    for (const client of [once, repeating]) leavePayloadUnsigned(client)
  }

  /** Does it, or aborts it after so many milliseconds. */
  async within<Result>(timeoutMs: number, act: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const controller = new AbortController()
    const cancel = this.#startTimer(timeoutMs, () => controller.abort())
    try {
      return await act(controller.signal)
    } finally {
      cancel()
    }
  }

  /**
   * For what may be repeated: the SDK does so where it is refused, and waits to the end for what a network swallows.
   * @param bytes that each try sends
   */
  async repeated<Result>(
    action: string,
    effect: AwsCall['effect'],
    act: (signal: AbortSignal) => Promise<Result>,
    bytes = 0,
  ): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      const signals: AbortSignal[] = []
      try {
        return await this.within(this.tryMs(bytes), signal => {
          signals.push(signal)
          return act(signal)
        })
      } catch (error) {
        if (signals[0]?.aborted && tries < AWS_ATTEMPTS_MAX) continue
        throw asStoreError(error, this.call(action, effect))
      }
    }
  }

  tryMs(bytes: number): number {
    return this.#tryTimeoutMs + transferMs(bytes)
  }

  call(action: string, effect: AwsCall['effect']): AwsCall {
    return { action, effect, resource: `the bucket "${this.bucket}"` }
  }
}

/** How long the bytes may take on the slowest connection. */
export function transferMs(bytes: number): number {
  return (bytes / OBJECT_BYTES_PER_SECOND_MIN) * 1_000
}

/**
 * Spares what is uploaded a second pass over the bytes, a SHA-256 for the signature: TLS keeps them from being
 * changed on the way, and the checksum, which is signed, tells damage.
 */
function leavePayloadUnsigned(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async arguments_ => {
      const { headers } = arguments_.request as { headers?: Record<string, string> }
      if (headers && UNSIGNED_COMMANDS.includes(`${context.commandName}`)) {
        headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
      }
      return next(arguments_)
    },
    { step: 'build', name: 'tidemarkUnsignedPayload', override: true },
  )
}
