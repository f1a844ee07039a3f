import { setTimeout as sleep } from 'node:timers/promises'
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  type _Error as DeleteObjectsError,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { compareKeys } from '../../../core/key-order.ts'
import {
  BACKOFF_FIRST_MS,
  BACKOFF_MS_MAX,
  OBJECT_READ_ATTEMPTS_MAX,
  OBJECT_READ_HEDGE_MS,
  OBJECT_READ_TIMEOUT_MS,
  OBJECT_REMOVALS_MAX,
  OBJECT_TRY_TIMEOUT_MS,
} from '../../../core/limits.ts'
import type { Position } from '../../../core/numbers.ts'
import { FORMAT_OBJECT } from '../../../core/storage-layout.ts'
import type { ObjectInfo, ObjectStore } from '../../../ports/object-store.ts'
import { NotApplied } from '../../../ports/outcome.ts'
import { asStoreError } from '../aws-failures.ts'
import type { ClientPair } from '../connection.ts'
import { BucketCalls, type StartTimer, transferMs } from './bucket-calls.ts'
import { checksumOf } from './checksum.ts'
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
  /** What ends a try that takes too long. */
  readonly startTimer?: StartTimer
  /** Jitter: from 0 to less than 1. */
  readonly fraction?: () => number
}

export class S3ObjectStore implements ObjectStore {
  readonly #calls: BucketCalls
  readonly #hedgeMs: number
  readonly #fraction: () => number
  readonly #gate: BucketGate | undefined

  constructor(clients: ClientPair<S3Client>, bucket: string, settings: S3ObjectStoreSettings = {}) {
    this.#gate = settings.gate
    this.#calls = new BucketCalls(
      clients,
      bucket,
      settings.tryTimeoutMs ?? OBJECT_TRY_TIMEOUT_MS,
      settings.startTimer,
    )
    this.#hedgeMs = settings.hedgeMs ?? OBJECT_READ_HEDGE_MS
    this.#fraction = settings.fraction ?? Math.random
  }

  async put(key: string, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#gate?.beforeWriting()
    // Joining is faster than streaming many small chunks, and a single large one needs neither.
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    const command = new PutObjectCommand({
      Bucket: this.#calls.bucket,
      Key: key,
      Body: body,
      ContentLength: body.length,
      // S3 refuses the object when the bytes that arrived have another.
      ChecksumCRC32: checksumOf(body),
    })
    try {
      await this.#calls.within(this.#calls.tryMs(body.length), abortSignal =>
        this.#calls.once.send(command, { abortSignal }),
      )
    } catch (error) {
      throw asStoreError(error, this.#calls.call('s3:PutObject', 'write'))
    }
  }

  async putLarge(key: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    await this.#gate?.beforeWriting()
    // Loaded with the first of them: functions that put only small objects need not carry it.
    const { uploadInParts } = await import('./multipart-upload.ts')
    return await uploadInParts(this.#calls, key, chunks, {
      putWhole: bytes => this.put(key, [bytes]),
      isThere: () => this.#exists(key),
    })
  }

  async get(key: string, position: Position, bytes: number): Promise<Uint8Array | undefined> {
    await this.#gate?.beforeReading()
    // HTTP has no ranges of no bytes.
    if (bytes === 0) return (await this.#exists(key)) ? new Uint8Array(0) : undefined
    const endMs = performance.now() + OBJECT_READ_TIMEOUT_MS + transferMs(bytes)
    for (let tries = 1; ; tries += 1) {
      try {
        const leftMs = Math.max(0, endMs - performance.now())
        const tryMs = Math.min(this.#calls.tryMs(bytes), leftMs)
        return await this.#calls.within(tryMs, whole => this.#readOnce(key, position, bytes, whole))
      } catch (error) {
        const failure = asStoreError(error, this.#calls.call(READING, 'read'))
        const pauseMs = this.#fraction() * Math.min(BACKOFF_MS_MAX, BACKOFF_FIRST_MS * 4 ** tries)
        const isLast = tries === OBJECT_READ_ATTEMPTS_MAX || performance.now() + pauseMs >= endMs
        if (isLast || !(failure instanceof NotApplied)) throw failure
        await sleep(pauseMs)
      }
    }
  }

  async *list(prefix = '', below?: string): AsyncGenerator<ObjectInfo> {
    await this.#gate?.beforeReading()
    let token: string | undefined
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.#calls.bucket,
        Prefix: prefix,
        ContinuationToken: token,
      })
      const page = await this.#calls.repeated('s3:ListBucket', 'read', abortSignal =>
        this.#calls.repeating.send(command, { abortSignal }),
      )
      for (const { Key: key, Size: bytes = 0, LastModified } of page.Contents ?? []) {
        if (key === undefined || key === FORMAT_OBJECT) continue
        // S3 lists them in order.
        if (below !== undefined && compareKeys(key, below) >= 0) return
        yield { key, bytes, modifiedMs: LastModified?.getTime() ?? 0 }
      }
      token = page.NextContinuationToken
    } while (token !== undefined)
  }

  async remove(key: string): Promise<void> {
    await this.#gate?.beforeWriting()
    const command = new DeleteObjectCommand({ Bucket: this.#calls.bucket, Key: key })
    await this.#calls.repeated('s3:DeleteObject', 'write', abortSignal =>
      this.#calls.repeating.send(command, { abortSignal }),
    )
  }

  async removeAll(keys: readonly string[]): Promise<void> {
    await this.#gate?.beforeWriting()
    for (let first = 0; first < keys.length; first += OBJECT_REMOVALS_MAX) {
      const Objects = keys.slice(first, first + OBJECT_REMOVALS_MAX).map(Key => ({ Key }))
      const command = new DeleteObjectsCommand({
        Bucket: this.#calls.bucket,
        Delete: { Objects, Quiet: true },
      })
      await this.#calls.repeated('s3:DeleteObject', 'write', async abortSignal => {
        const { Errors = [] } = await this.#calls.repeating.send(command, { abortSignal })
        if (Errors.length > 0) throw asError(Errors[0]!)
      })
    }
  }

  async #exists(key: string): Promise<boolean> {
    const command = new HeadObjectCommand({ Bucket: this.#calls.bucket, Key: key })
    return await this.#calls.repeated(READING, 'read', async abortSignal => {
      try {
        await this.#calls.repeating.send(command, { abortSignal })
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
      new GetObjectCommand({ Bucket: this.#calls.bucket, Key: key, Range: rangeOf(position, bytes) })
    const send = (abortSignal: AbortSignal) => this.#calls.once.send(command(), { abortSignal })
    try {
      return await collect(await hedged(send, this.#hedgeMs, whole), bytes)
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return undefined
      // The object ends before the position.
      if (nameOf(error) === 'InvalidRange') return new Uint8Array(0)
      throw error
    }
  }
}

export function rangeOf(position: number, bytes: number): string {
  return `bytes=${position}-${position + bytes - 1}`
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

/** Codes of what S3 would have answered with a status of 500 or above. */
const FAULTS_OF_S3: readonly string[] = ['InternalError', 'InternalServerError', 'ServiceUnavailable']

/** What became of one object, as S3 would have told it of a request of its own. */
function asError({ Code = 'InternalError', Message, Key }: DeleteObjectsError): Error {
  const error = new Error(`${Message} (of ${Key})`)
  const httpStatusCode = FAULTS_OF_S3.includes(Code) ? 500 : 400
  return Object.assign(error, { name: Code, $metadata: { httpStatusCode } })
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined
}
