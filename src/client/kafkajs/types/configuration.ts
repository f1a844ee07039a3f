import type { ConnectionOptions } from 'node:tls'
import type { Broker } from '../../../contract/broker.ts'
import type { GroupBroker } from '../../../contract/groups.ts'
import type { SignRequest } from '../../http-transport.ts'
import type { logLevel } from '../enumerations.ts'
import type { logCreator } from './logging.ts'
import type { Message } from './messages.ts'
import type { PartitionMetadata } from './offsets.ts'

export type BrokersFunction = () => string[] | Promise<string[]>

export interface OauthbearerProviderResponse {
  value: string
}

interface SaslMechanisms {
  /** The password is sent as a bearer token. */
  plain: { username: string; password: string }
  /** Refused. */
  'scram-sha-256': { username: string; password: string }
  /** Refused. */
  'scram-sha-512': { username: string; password: string }
  /** Refused: `sign` with `signedByAws` of `tidemark/aws` is the way. */
  aws: {
    authorizationIdentity: string
    accessKeyId: string
    secretAccessKey: string
    sessionToken?: string
  }
  /** What it provides is sent as a bearer token; it is asked before each request. */
  oauthbearer: { oauthBearerProvider: () => Promise<OauthbearerProviderResponse> }
}

export type SASLMechanism = keyof SaslMechanisms
export type SASLOptions = {
  [Name in SASLMechanism]: { mechanism: Name } & SaslMechanisms[Name]
}[SASLMechanism]

/** How often and how long to try again, in milliseconds. */
export interface RetryOptions {
  /** The longest pause. */
  maxRetryTime?: number
  /** The first pause. */
  initialRetryTime?: number
  /** Without effect: half of each pause is by chance. */
  factor?: number
  /** Without effect: each pause is twice as long as the one before. */
  multiplier?: number
  /** How many tries of a message after the first; requests are repeated until their deadline. */
  retries?: number
  restartOnFailure?: (e: Error) => Promise<boolean>
}

interface ConnectionConfig {
  clientId?: string
  /** true: addresses without a scheme are reached over HTTPS. Certificates are Node's affair (NODE_EXTRA_CA_CERTS). */
  ssl?: ConnectionOptions | boolean
  sasl?: SASLOptions
  retry?: RetryOptions
  logLevel?: logLevel
  logCreator?: logCreator
  /** Without effect, as the four below: a request has the time limits of Tidemark's client. */
  connectionTimeout?: number
  authenticationTimeout?: number
  reauthenticationThreshold?: number
  requestTimeout?: number
  enforceRequestTimeout?: boolean
  /** Tidemark's own: sent as a bearer token. */
  token?: string
  /** Tidemark's own: signs every request, as `signedByAws` of `tidemark/aws` does. */
  sign?: SignRequest
}

/**
 * Where Tidemark is. `brokers` has its URL, or `host:port`, which means http (https with `ssl`); of several it is the
 * first: a deployment has one address.
 */
export interface KafkaConfig extends ConnectionConfig {
  brokers: string[] | BrokersFunction
  broker?: never
}

/** In place of `brokers`: a broker at hand, such as `openEmbedded` and `openAws` give. */
export interface EmbeddedKafkaConfig extends ConnectionConfig {
  broker: Broker & GroupBroker
  brokers?: never
}

export interface PartitionerArgs {
  topic: string
  partitionMetadata: PartitionMetadata[]
  message: Message
}

/** Made once for a producer; chooses the partition of each message that names none. */
export type ICustomPartitioner = () => (args: PartitionerArgs) => number
export type DefaultPartitioner = ICustomPartitioner
export type LegacyPartitioner = ICustomPartitioner

export interface ProducerConfig {
  createPartitioner?: ICustomPartitioner
  retry?: RetryOptions
  metadataMaxAge?: number
  /** Whether a topic that does not exist is made, with one partition; it is unless this is false. */
  allowAutoTopicCreation?: boolean
  /** Whether batches are numbered, so that a repeated one is in the log once; here they are unless this is false. */
  idempotent?: boolean
  /** Whose transactions are written: one producer at a time, and whoever begins later fences those before. */
  transactionalId?: string
  /** After it an open transaction is aborted, in milliseconds; 60,000 by default. */
  transactionTimeout?: number
  /** Without effect: a partition has one call in flight, all of them are independent. */
  maxInFlightRequests?: number
}

/** How a group shares partitions out: here one of `PartitionAssigners`, since it is the broker that does it. */
export type PartitionAssigner = (config: never) => { name: string }

/** All times in milliseconds, all sizes in bytes. */
export interface ConsumerConfig {
  groupId: string
  partitionAssigners?: PartitionAssigner[]
  metadataMaxAge?: number
  /** 30,000 by default. */
  sessionTimeout?: number
  /** Without effect: a handler may take as long as it does, heartbeats go on. */
  rebalanceTimeout?: number
  heartbeatInterval?: number
  maxBytesPerPartition?: number
  minBytes?: number
  /** What is fetched ahead of delivery over all partitions. */
  maxBytes?: number
  maxWaitTimeInMs?: number
  retry?: RetryOptions & { restartOnFailure?: (err: Error) => Promise<boolean> }
  /** Whether `subscribe` makes topics that do not exist, with one partition; it does unless this is false. */
  allowAutoTopicCreation?: boolean
  maxInFlightRequests?: number
  /** Without effect: nothing in the log is uncommitted. */
  readUncommitted?: boolean
  /** Without effect: the store is as near from everywhere. */
  rackId?: string
}

export interface AdminConfig {
  retry?: RetryOptions
}
