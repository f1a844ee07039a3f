import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import {
  AWS_ATTEMPTS_MAX,
  BACKOFF_FIRST_MS,
  BACKOFF_MS_MAX,
  OBJECT_BYTES_PER_SECOND_MIN,
  OBJECT_READ_ATTEMPTS_MAX,
  OBJECT_READ_HEDGE_MS,
  OBJECT_READ_TIMEOUT_MS,
  OBJECT_TRY_TIMEOUT_MS,
} from '../../../core/limits.ts'
import type { Position } from '../../../core/numbers.ts'
import { FORMAT_OBJECT } from '../../../core/storage-layout.ts'
import type { ObjectInfo, ObjectStore } from '../../../ports/object-store.ts'
import { NotApplied } from '../../../ports/outcome.ts'
import { type AwsCall, asStoreError } from '../aws-failures.ts'
import type { ClientPair } from '../connection.ts'
import { hedged } from './hedged.ts'

/** Without the right to list, S3 hides whether an object is there. */
const READING = 's3:GetObject and s3:ListBucket'

/** What has to be known before a bucket is worked on. */
export interface BucketGate {
  beforeReading(): Promise<void>
  beforeWriting(): Promise<void>
}

export interface S3ObjectStoreSettings {
  readonly gate?: BucketGate
  /** When a slow read is asked for once more. */
  readonly hedgeMs?: number
  /** How long one try may take, beyond the time that its bytes take. */
  readonly tryTimeoutMs?: number
  /** Jitter: from 0 to less than 1. */
  readonly fraction?: () => number
}

export class S3ObjectStore implements ObjectStore {
  readonly #once: S3Client
  readonly #repeating: S3Client
  readonly #bucket: string
  readonly #settings: Required<Omit<S3ObjectStoreSettings, 'gate'>>
  readonly #gate: BucketGate | undefined

  constructor(
    { once, repeating }: ClientPair<S3Client>,
    bucket: string,
    { gate, ...settings }: S3ObjectStoreSettings = {},
  ) {
    this.#gate = gate
    this.#once = once
    this.#repeating = repeating
    this.#bucket = bucket
    this.#settings = {
      hedgeMs: OBJECT_READ_HEDGE_MS,
      tryTimeoutMs: OBJECT_TRY_TIMEOUT_MS,
      fraction: Math.random,
      ...settings,
    }
    leavePayloadUnsigned(once)
  }

  async put(key: string, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#gate?.beforeWriting()
    // Joining is faster than streaming many small chunks, and a single large one needs neither.
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: body,
      ContentLength: body.length,
      // S3 refuses the object when the bytes that arrived have another.
      ChecksumCRC32: checksum(body),
    })
    try {
      await this.#within(this.#tryMs(body.length), abortSignal => this.#once.send(command, { abortSignal }))
    } catch (error) {
      throw asStoreError(error, this.#call('s3:PutObject', 'write'))
    }
  }

  async get(key: string, position: Position, bytes: number): Promise<Uint8Array | undefined> {
    await this.#gate?.beforeReading()
    // HTTP has no ranges of no bytes.
    if (bytes === 0) return (await this.#exists(key)) ? new Uint8Array(0) : undefined
    const endMs = performance.now() + OBJECT_READ_TIMEOUT_MS + transferMs(bytes)
    for (let tries = 1; ; tries += 1) {
      try {
        const leftMs = Math.max(0, endMs - performance.now())
        const tryMs = Math.min(this.#tryMs(bytes), leftMs)
        return await this.#within(tryMs, whole => this.#readOnce(key, position, bytes, whole))
      } catch (error) {
        const failure = asStoreError(error, this.#call(READING, 'read'))
        const pauseMs = this.#settings.fraction() * Math.min(BACKOFF_MS_MAX, BACKOFF_FIRST_MS * 4 ** tries)
        const isLast = tries === OBJECT_READ_ATTEMPTS_MAX || performance.now() + pauseMs >= endMs
        if (isLast || !(failure instanceof NotApplied)) throw failure
        await sleep(pauseMs)
      }
    }
  }

  async *list(): AsyncGenerator<ObjectInfo> {
    await this.#gate?.beforeReading()
    let token: string | undefined
    do {
      const command = new ListObjectsV2Command({ Bucket: this.#bucket, ContinuationToken: token })
      const page = await this.#repeated('s3:ListBucket', 'read', abortSignal =>
        this.#repeating.send(command, { abortSignal }),
      )
      for (const { Key: key, Size: bytes = 0, LastModified } of page.Contents ?? []) {
        if (key !== undefined && key !== FORMAT_OBJECT)
          yield { key, bytes, modifiedMs: LastModified?.getTime() ?? 0 }
      }
      token = page.NextContinuationToken
    } while (token !== undefined)
  }

  async remove(key: string): Promise<void> {
    await this.#gate?.beforeWriting()
    const command = new DeleteObjectCommand({ Bucket: this.#bucket, Key: key })
    await this.#repeated('s3:DeleteObject', 'write', abortSignal =>
      this.#repeating.send(command, { abortSignal }),
    )
  }

  async #exists(key: string): Promise<boolean> {
    const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: key })
    return await this.#repeated(READING, 'read', async abortSignal => {
      try {
        await this.#repeating.send(command, { abortSignal })
        return true
      } catch (error) {
        if (nameOf(error) === 'NotFound') return false
        throw error
      }
    })
  }

  async #readOnce(
    key: string,
    position: number,
    bytes: number,
    whole: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const command = () =>
      new GetObjectCommand({ Bucket: this.#bucket, Key: key, Range: rangeOf(position, bytes) })
    const send = (abortSignal: AbortSignal) => this.#once.send(command(), { abortSignal })
    try {
      return await collect(await hedged(send, this.#settings.hedgeMs, whole), bytes)
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return undefined
      // The object ends before the position.
      if (nameOf(error) === 'InvalidRange') return new Uint8Array(0)
      throw error
    }
  }

  /** Does it, or aborts it after so many milliseconds. */
  async #within<Result>(timeoutMs: number, act: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), timeoutMs)
    try {
      return await act(controller.signal)
    } finally {
      clearTimeout(timer)
    }
  }

  /** For what may be repeated: the SDK does so where it is refused, and waits to the end for what a network swallows. */
  async #repeated<Result>(
    action: string,
    effect: AwsCall['effect'],
    act: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      const signals: AbortSignal[] = []
      try {
        return await this.#within(this.#tryMs(0), signal => {
          signals.push(signal)
          return act(signal)
        })
      } catch (error) {
        if (signals[0]?.aborted && tries < AWS_ATTEMPTS_MAX) continue
        throw asStoreError(error, this.#call(action, effect))
      }
    }
  }

  #tryMs(bytes: number): number {
    return this.#settings.tryTimeoutMs + transferMs(bytes)
  }

  #call(action: string, effect: AwsCall['effect']): AwsCall {
    return { action, effect, resource: `the bucket "${this.#bucket}"` }
  }
}

export function rangeOf(position: number, bytes: number): string {
  return `bytes=${position}-${position + bytes - 1}`
}

/** How long the bytes may take on the slowest connection. */
function transferMs(bytes: number): number {
  return (bytes / OBJECT_BYTES_PER_SECOND_MIN) * 1_000
}

/** CRC-32 as S3 wants it: the one of its checksums that Node computes at memory's speed. */
function checksum(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return sum.toString('base64')
}

/**
 * Spares PutObject a second pass over the bytes, a SHA-256 for the signature: TLS keeps them from being
 * changed on the way, and the checksum, which is signed, tells damage.
 */
function leavePayloadUnsigned(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async arguments_ => {
      const { headers } = arguments_.request as { headers?: Record<string, string> }
      if (headers && context.commandName === 'PutObjectCommand') {
        headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
      }
      return next(arguments_)
    },
    { step: 'build', name: 'tidemarkUnsignedPayload', override: true },
  )
}

/** The body in one piece of memory, into which each part of it is copied as it comes. */
async function collect(
  { Body, ContentLength = 0 }: GetObjectCommandOutput,
  bytes: number,
): Promise<Uint8Array> {
  if (ContentLength > bytes) throw new Error(`of ${bytes} bytes S3 sends ${ContentLength}`)
  const memory = Buffer.allocUnsafe(ContentLength)
  let length = 0
  for await (const part of Body as AsyncIterable<Uint8Array>) {
    memory.set(part, length)
    length += part.length
  }
  return memory.subarray(0, length)
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined
}
