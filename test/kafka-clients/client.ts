/** What every client's program can be asked for, whatever the client: the common form that tests are written against. */

export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof CODECS)[number]

export interface SentRecord {
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
  readonly timestampMs: number
}
export type Header = readonly [name: string, value: Buffer | null]

export interface ReadRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

export interface ProduceOptions {
  readonly codec?: Codec
  readonly acks?: 0 | 1 | 'all'
  readonly idempotent?: boolean
}

/** Where a look-up or a reader begins. */
export type At = 'earliest' | 'latest' | { readonly offset: number } | { readonly timeMs: number }

/** What a client's own surface does not offer, and what its tests leave out therefore. */
export type Ability =
  | 'topics'
  | 'configs'
  | 'partitions'
  | 'delete-records'
  | 'groups'
  | 'offset-by-time'
  | 'idempotence'
  | 'classic'
  | 'consumer-protocol'
  | 'acks-0'
  /** Tells empty keys and values from those that are null. */
  | 'empty-values'
  /** Sends headers without a value. */
  | 'null-headers'
  /** Sends records with times of their own. */
  | 'own-times'

/** An error that the broker told the client, by its number; null where the client keeps the number to itself. */
export class ClientError extends Error {
  readonly code: number | null

  constructor(code: number | null, message: string) {
    super(message)
    this.code = code
  }
}

export interface KafkaClient {
  readonly name: string
  readonly abilities: ReadonlySet<Ability>
  readonly codecs: readonly Codec[]
  /** Headers come by their names, so that the order between two names is not seen. */
  readonly groupsHeaders: boolean

  /** The version of the client, as it tells itself. */
  version(): Promise<string>
  /** In this order. Answers when all are acknowledged, with their offsets where the client tells them. */
  produce(
    topic: string,
    records: readonly SentRecord[],
    options?: ProduceOptions,
  ): Promise<readonly (number | null)[]>
  /** From a place up to an offset, which is not read itself. */
  read(topic: string, partition: number, from: At, to: number): Promise<ReadRecord[]>
  /** The offset of the first record at or after a time, or an end of the log; null where there is none. */
  offsetAt(topic: string, partition: number, at: At): Promise<number | null>
  /** A member of a group, in a process of its own, that reads from the beginning and commits whatever it has told. */
  join(group: string, topic: string, protocol: 'classic' | 'consumer'): Promise<Member>
  admin: Admin
  close(): Promise<void>
}

export interface Admin {
  createTopic(topic: string, partitions: number, configs: Readonly<Record<string, string>>): Promise<void>
  partitionsOf(topic: string): Promise<number>
  configOf(topic: string, name: string): Promise<string>
  /** null: back to the default. */
  setConfig(topic: string, name: string, value: string | null): Promise<void>
  addPartitions(topic: string, total: number): Promise<void>
  deleteRecords(topic: string, partition: number, before: number): Promise<void>
  deleteTopic(topic: string): Promise<void>
  /** By partition; null where nothing is committed. */
  committed(group: string, topic: string, partitions: number): Promise<(number | null)[]>
  /** In Kafka's words, such as Empty and Stable. */
  groupState(group: string): Promise<string>
  listGroups(): Promise<string[]>
  deleteGroup(group: string): Promise<void>
}

export interface Member {
  /** What it has now. */
  readonly partitions: readonly number[]
  /** The values it has read so far, in order. */
  readonly values: readonly string[]
  /** Leaves the group, and ends. */
  leave(): Promise<void>
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
}
