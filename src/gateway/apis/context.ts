import type { Broker, TopicSummary } from '../../contract/broker.ts'
import type { ClassicGroupBroker } from '../../contract/classic-groups.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import type { ProducersBroker } from '../../contract/producers.ts'
import type { TransactionBroker } from '../../contract/transactions.ts'
import type { LentMemory } from '../../core/lent-memory.ts'
import type { Clock } from '../../ports/clock.ts'

/** The broker that a gateway stands in front of: one of this process. */
export type GatewayBroker = Broker & GroupBroker & ClassicGroupBroker & ProducersBroker & TransactionBroker

/** What a gateway says of itself to clients. */
export interface GatewaySettings {
  /** Its number among the gateways of this store: 1 unless there are several. */
  readonly nodeId: number
  /** The same for every gateway of a store, and for as long as the store lives. */
  readonly clusterId: string
  /** Where clients reach it: what they are told to connect to. */
  readonly advertised: { readonly host: string; readonly port: number }
  /** Other gateways of the same store. Each names itself the leader and coordinator of everything, and these as brokers. */
  readonly peers: readonly GatewayPeer[]
  /** Topics that clients ask for and that are not there are made, with so many partitions; undefined: they are not. */
  readonly autoCreate: { readonly partitions: number } | undefined
}

export interface GatewayPeer {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

/** The topics as this gateway knows them: what it has just seen, and a look at the broker where it does not know one. */
export interface TopicCatalogue {
  /** All of them, in the order of their names. */
  all(): Promise<readonly TopicSummary[]>
  byName(topic: string): Promise<TopicSummary | undefined>
  byId(topicId: string): Promise<TopicSummary | undefined>
  /** The name of the topic that has this id, without a look: it may have been deleted since. */
  peekName(topicId: string): string | undefined
  /** Takes note that topics have been made, changed or deleted here. */
  forget(): void
}

/** Who asks. */
export interface Client {
  /** What the client calls itself, in this request. */
  readonly clientId: string | null
  /** Its address, as this gateway sees it. */
  readonly host: string
  /** Who it has proved to be; `ANONYMOUS` where nobody has to. */
  readonly principal: string
}

/** What a handler gets beside its request. */
export interface Context {
  readonly broker: GatewayBroker
  readonly settings: GatewaySettings
  readonly topics: TopicCatalogue
  readonly clock: Clock
  /** The request's version: between those that are advertised. */
  readonly version: number
  readonly client: Client
  /** The connection has ended, or the gateway is closing: whoever waits for something ends that, and answers what there is. */
  readonly signal: AbortSignal
  /**
   * Waits until there is memory for so many bytes more of the answer: before they are read, for a fetch's `reserve`. What it was
   * given lasts until the client has taken the answer. @throws THROTTLING_QUOTA_EXCEEDED where it took too long: answer what
   * can be answered without them
   */
  readonly reserve: (bytes: number) => Promise<void>
  /** What the answer's records are read into: it is lent until the client has taken them. */
  readonly memory: LentMemory
}
