import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { OBJECT_TRY_TIMEOUT_MS } from '../../../core/limits.ts'
import { FORMAT_OBJECT } from '../../../core/storage-layout.ts'
import { agreeOnFormat, encodeStoreFormat, type StoreFormat } from '../../../core/store-format.ts'
import { StoreFailed } from '../../../ports/outcome.ts'
import { asStoreError } from '../aws-failures.ts'
import type { ClientPair } from '../connection.ts'
import type { StoreStatement } from '../store-statement.ts'

/**
 * Whether a bucket belongs to a table. It is asked once in a process, before its first object. Where it says nothing yet,
 * the first who writes has it say what the table says.
 */
export class BucketFormat {
  readonly #clients: ClientPair<S3Client>
  readonly #bucket: string
  readonly #table: StoreStatement
  #reading: Promise<unknown> | undefined
  #stating: Promise<void> | undefined

  constructor(clients: ClientPair<S3Client>, bucket: string, table: StoreStatement) {
    this.#clients = clients
    this.#bucket = bucket
    this.#table = table
  }

  /** @throws StoreFailed where it belongs to another table, or is of a newer Tidemark; NotApplied */
  async beforeReading(): Promise<void> {
    this.#reading ??= this.#read().catch(error => {
      // Asked again by the next: a person may have seen to it.
      this.#reading = undefined
      throw error
    })
    await this.#reading
  }

  /** @throws as beforeReading, and OutcomeUnknown */
  beforeWriting(): Promise<void> {
    this.#stating ??= this.#state().catch(error => {
      this.#stating = undefined
      throw error
    })
    return this.#stating
  }

  /** What the bucket says by itself, whatever its table does; undefined where it says nothing. @throws as beforeReading */
  async statement(): Promise<StoreFormat | undefined> {
    const agreement = agreeOnFormat({ place: `the bucket "${this.#bucket}"`, bytes: await this.#get() }, [])
    if ('refusal' in agreement) throw new StoreFailed(agreement.refusal)
    return agreement.format
  }

  /** Tells whether there is a statement. */
  async #read(): Promise<boolean> {
    const [format, bytes] = await Promise.all([this.#table.beforeReading(), this.#get()])
    return this.#check(format, bytes)
  }

  async #state(): Promise<void> {
    // The table first: who finds a bucket's statement finds the table's.
    const format = await this.#table.beforeWriting()
    const said = await this.#getIfAllowed()
    const isStated = this.#check(format, said)
    const bytes = format && encodeStoreFormat(format)
    // What is of the same store and says something else is older.
    const isOlder = isStated && bytes && said && Buffer.compare(said, bytes) !== 0
    if (bytes && (!isStated || isOlder) && !(await this.#put(bytes, isOlder === true))) {
      this.#check(format, await this.#get())
    }
    this.#reading = Promise.resolve()
  }

  /** @throws StoreFailed where they do not belong together */
  #check(format: StoreFormat | undefined, bytes: Uint8Array | undefined): boolean {
    const index = { place: `the table "${this.#table.table}"`, bytes: format && encodeStoreFormat(format) }
    const agreement = agreeOnFormat(index, [{ place: `the bucket "${this.#bucket}"`, bytes }])
    if ('refusal' in agreement) throw new StoreFailed(agreement.refusal)
    return bytes !== undefined
  }

  async #get(): Promise<Uint8Array | undefined> {
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: FORMAT_OBJECT })
    try {
      const { Body } = await this.#clients.repeating.send(command, within())
      return await Body!.transformToByteArray()
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return undefined
      throw this.#failure(error, 's3:GetObject and s3:ListBucket', 'read')
    }
  }

  /** Who may not list a bucket is told that an object is forbidden which is not there. */
  async #getIfAllowed(): Promise<Uint8Array | undefined> {
    return await this.#get().catch(error => {
      if (error instanceof StoreFailed && nameOf(error.cause) === 'AccessDenied') return undefined
      throw error
    })
  }

  /** Tells whether there was none, unless it may be written over. */
  async #put(bytes: Uint8Array, isOver: boolean): Promise<boolean> {
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: FORMAT_OBJECT,
      Body: bytes,
      ContentType: 'application/json',
      ...(!isOver && { IfNoneMatch: '*' }),
    })
    try {
      await this.#clients.once.send(command, within())
      return true
    } catch (error) {
      if (nameOf(error) === 'PreconditionFailed') return false
      throw this.#failure(error, 's3:PutObject', 'write')
    }
  }

  #failure(error: unknown, action: string, effect: 'read' | 'write'): unknown {
    const resource = `the bucket "${this.#bucket}"`
    return asStoreError(error, { action: `${action} (of ${FORMAT_OBJECT})`, resource, effect })
  }
}

function within() {
  return { abortSignal: AbortSignal.timeout(OBJECT_TRY_TIMEOUT_MS) }
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined
}
