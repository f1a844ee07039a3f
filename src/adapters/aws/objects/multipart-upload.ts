import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { OBJECT_PART_BYTES, OBJECT_PARTS_PARALLEL_MAX } from '../../../core/limits.ts'
import { NotApplied } from '../../../ports/outcome.ts'
import type { BucketCalls } from './bucket-calls.ts'
import { checksumOf } from './checksum.ts'

const ACTION = 's3:PutObject'

/**
 * An object in parts, each with a checksum of its own that S3 compares with what has arrived. Under its key there is nothing
 * before it is completed. What a process leaves unfinished that dies meanwhile, the bucket's lifecycle rule removes.
 */
class MultipartUpload {
  readonly #calls: BucketCalls
  readonly #place: { readonly Bucket: string; readonly Key: string; readonly UploadId: string }
  readonly #parts: CompletedPart[] = []

  private constructor(calls: BucketCalls, key: string, uploadId: string) {
    this.#calls = calls
    this.#place = { Bucket: calls.bucket, Key: key, UploadId: uploadId }
  }

  /** @throws NotApplied */
  static async begin(calls: BucketCalls, key: string): Promise<MultipartUpload> {
    const command = () =>
      new CreateMultipartUploadCommand({ Bucket: calls.bucket, Key: key, ChecksumAlgorithm: 'CRC32' })
    // Whatever becomes of it, there is no object yet: an effect that nobody sees.
    const { UploadId } = await calls.repeated(ACTION, 'read', abortSignal =>
      calls.repeating.send(command(), { abortSignal }),
    )
    return new MultipartUpload(calls, key, UploadId!)
  }

  /** @throws NotApplied */
  async upload(part: Uint8Array): Promise<void> {
    const number = this.#parts.length + 1
    const sum = { PartNumber: number, ChecksumCRC32: checksumOf(part) }
    const completed: CompletedPart = { ...sum }
    this.#parts.push(completed)
    const command = () =>
      new UploadPartCommand({ ...this.#place, ...sum, Body: part, ContentLength: part.length })
    const { ETag } = await this.#calls.repeated(
      ACTION,
      'read',
      abortSignal => this.#calls.repeating.send(command(), { abortSignal }),
      part.length,
    )
    completed.ETag = ETag
  }

  /**
   * Makes the object of its parts.
   * @param isThere whether there is an object under the key
   * @throws NotApplied, OutcomeUnknown
   */
  async complete(isThere: () => Promise<boolean>): Promise<void> {
    const command = () =>
      new CompleteMultipartUploadCommand({ ...this.#place, MultipartUpload: { Parts: this.#parts } })
    try {
      await this.#calls.repeated(ACTION, 'write', abortSignal =>
        this.#calls.repeating.send(command(), { abortSignal }),
      )
    } catch (error) {
      // A try whose answer was lost may have completed it.
      if (!isAbout(error, 'NoSuchUpload')) throw error
      if (!(await isThere())) throw new NotApplied('the upload was aborted', { cause: error })
    }
  }

  /** Gives back what its parts take; does nothing where it is completed. */
  async abort(): Promise<void> {
    const command = () => new AbortMultipartUploadCommand(this.#place)
    await this.#calls.repeated('s3:AbortMultipartUpload', 'write', abortSignal =>
      this.#calls.repeating.send(command(), { abortSignal }),
    )
  }
}

/**
 * Uploads what comes in chunks, in parts of OBJECT_PART_BYTES, of which OBJECT_PARTS_PARALLEL_MAX are held at most. Tells how many
 * bytes it were.
 * @param putWhole for what fits into one part
 * @param isThere whether there is an object under the key
 * @throws NotApplied, OutcomeUnknown, and what `chunks` throws
 */
export async function uploadInParts(
  calls: BucketCalls,
  key: string,
  chunks: AsyncIterable<Uint8Array>,
  { putWhole, isThere }: { putWhole(bytes: Uint8Array): Promise<void>; isThere(): Promise<boolean> },
): Promise<number> {
  let upload: MultipartUpload | undefined
  const memory = new PartMemory()
  let bytes = 0
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length
      for (let taken = 0; taken < chunk.length; ) {
        if (memory.isFull) {
          upload ??= await MultipartUpload.begin(calls, key)
          const to = upload
          await memory.send(part => to.upload(part))
        }
        taken += memory.fill(chunk, taken)
      }
    }
    if (!upload) {
      await putWhole(memory.part)
      return bytes
    }
    const to = upload
    await memory.send(part => to.upload(part))
    await memory.allSent()
    await upload.complete(isThere)
    return bytes
  } catch (error) {
    await memory.allSent().catch(() => {})
    await upload?.abort().catch(() => {})
    throw error
  }
}

/** The memory of the parts: one fills while others are on their way, and is filled anew when it has arrived. */
class PartMemory {
  #filling: Buffer = Buffer.allocUnsafeSlow(OBJECT_PART_BYTES)
  #length = 0
  #made = 1
  readonly #idle: Buffer[] = []
  /** Never rejected; which of them failed stands in `#failure`. */
  readonly #sending = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  get isFull(): boolean {
    return this.#length === OBJECT_PART_BYTES
  }

  get part(): Uint8Array {
    return this.#filling.subarray(0, this.#length)
  }

  /** Copies what has room of the chunk from `start` on, and tells how much that is. */
  fill(chunk: Uint8Array, start: number): number {
    const bytes = Math.min(chunk.length - start, OBJECT_PART_BYTES - this.#length)
    this.#filling.set(chunk.subarray(start, start + bytes), this.#length)
    this.#length += bytes
    return bytes
  }

  /** Sends the part, and waits until there is memory for another. @throws what sending any part has thrown */
  async send(upload: (part: Uint8Array) => Promise<void>): Promise<void> {
    const memory = this.#filling
    const sending: Promise<void> = upload(this.part)
      .catch(error => {
        this.#failure ??= { error }
      })
      .finally(() => {
        this.#sending.delete(sending)
        this.#idle.push(memory)
      })
    this.#sending.add(sending)
    if (this.#made < OBJECT_PARTS_PARALLEL_MAX) {
      this.#made += 1
      this.#idle.push(Buffer.allocUnsafeSlow(OBJECT_PART_BYTES))
    }
    while (this.#idle.length === 0) await Promise.race(this.#sending)
    if (this.#failure) throw this.#failure.error
    this.#filling = this.#idle.pop()!
    this.#length = 0
  }

  /** @throws what sending any part has thrown */
  async allSent(): Promise<void> {
    await Promise.all(this.#sending)
    if (this.#failure) throw this.#failure.error
  }
}

function isAbout(error: unknown, name: string): boolean {
  const { cause } = error as { readonly cause?: unknown }
  return cause instanceof Error && cause.name === name
}
