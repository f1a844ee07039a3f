import { LogBroker, type LogBrokerSettings } from '../broker/log-broker.ts'
import { TopicDirectory } from '../broker/topics/topic-directory.ts'
import { type Finding, VerifySummary } from '../broker/verifying/finding.ts'
import type { VerifySettings } from '../broker/verifying/verify.ts'
import type { Broker } from '../contract/broker.ts'
import type { ClassicGroupBroker } from '../contract/classic-groups.ts'
import type { GroupBroker } from '../contract/groups.ts'
import type { ProducersBroker } from '../contract/producers.ts'
import type { TransactionBroker } from '../contract/transactions.ts'
import type { TriggerBroker } from '../contract/triggers.ts'
import { TidemarkError } from '../core/errors.ts'
import { CLOSE_PATIENCE_MS } from '../core/limits.ts'
import type { Offset } from '../core/numbers.ts'
import type { PartitionId } from '../core/topic/partition-id.ts'
import type { Ports } from '../ports/index.ts'
import type { ObjectLocator } from '../ports/object-locator.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import type { OutboxStore } from '../ports/outbox-store.ts'
import type { StoreHealth } from '../ports/store-health.ts'

/** A broker that lives in this process, with its store. */
export interface Embedded {
  readonly broker: Broker &
    GroupBroker &
    ClassicGroupBroker &
    ProducersBroker &
    TransactionBroker &
    TriggerBroker
  /** The store's objects, for a server that hands out their bytes. */
  readonly objects: ObjectStore
  /** Whether the store can do what is asked of it; undefined where nobody can tell without asking for something. */
  readonly health: StoreHealth | undefined
  /** Checks the store; `summary` counts what was looked at, and says where the look stands, as it goes on. */
  verify(request?: VerifyRequest): { findings: AsyncIterable<Finding>; summary: VerifySummary }
  /** Settles what is being written, moves inline bytes into objects, and gives the store back. May be repeated. */
  close(): Promise<void>
}

/** Without a `lingerMs` nobody waits; errors go to stderr without a `reportError`. */
export interface EmbeddedOptions
  extends Partial<
    Pick<
      LogBrokerSettings,
      | 'lingerMs'
      | 'groupInitialDelayMs'
      | 'flushes'
      | 'settles'
      | 'settling'
      | 'pollIntervalMsMax'
      | 'topicCacheMs'
      | 'reportError'
    >
  > {
  /** Hands out URLs for byte ranges; without one, `locate` is refused. */
  readonly locator?: ObjectLocator
}

export type { PartitionPlace } from '../broker/verifying/finding.ts'

/** What of a store is to be checked: all of it, unless something is said. */
export type VerifyRequest = Pick<VerifySettings, 'from' | 'isDeep'>

/** What else of this process can work on a broker's store. */
export interface EmbeddedHost {
  readonly ports: Ports
  /** Undefined in a store whose outboxes somebody else relays. */
  readonly outboxes: OutboxStore | undefined
  readonly broker: Broker
  /** Appends what was checked before. */
  readonly append: LogBroker['append']
  readonly directory: TopicDirectory
  /** Calls `wake` once, when the log's end is another one than it is when this resolves. @returns ends it */
  listen(partition: PartitionId, wake: (endOffset: Offset) => void): Promise<() => void>
  /** Has something stopped before the broker is. */
  beforeClose(stop: () => Promise<void>): void
  /**
   * Says that this process is about to end: what the store goes on to refuse is not tried for long any more. May be
   * repeated.
   */
  prepareEnd(): void
}

const hosts = new WeakMap<Embedded, EmbeddedHost>()
const stores = new WeakMap<Embedded, { readonly ports: Ports; readonly storeId?: OpenStore['storeId'] }>()

/** The ports of a store that was opened here, for whoever looks after it. */
export function portsOf(embedded: Embedded): Ports {
  return storeOf(embedded).ports
}

/** What tells the store from all others: 32 hexadecimal digits, and the same for as long as it lives; undefined: nothing does. */
export async function storeIdOf(embedded: Embedded): Promise<string | undefined> {
  return await storeOf(embedded).storeId?.()
}

function storeOf(embedded: Embedded) {
  const store = stores.get(embedded)
  if (!store) throw new TidemarkError('INVALID_REQUEST', 'This is no store that was opened in this process.')
  return store
}

/** @throws INVALID_REQUEST where it was not opened here, or is on AWS */
export function hostOf(embedded: Embedded): EmbeddedHost {
  const host = hosts.get(embedded)
  if (host) return host
  throw new TidemarkError(
    'INVALID_REQUEST',
    'Triggers run in this process on what openEmbedded and openInMemory give, and on nothing else.',
  )
}

/** A store that a broker runs on, and what else can be asked of it. */
export interface OpenStore {
  readonly ports: Ports & { readonly outboxes?: OutboxStore }
  readonly health?: StoreHealth
  /** When its index was made; null: before stores said so. */
  createdMs?(): Promise<number | null>
  /** What tells it from all others; undefined: nothing does. */
  storeId?(): Promise<string | undefined>
  /** What is wrong with the index as a whole, a line each. */
  checkIndex?(): Promise<string[]>
  /** Whether nothing in it may be changed, and nobody flushes. */
  readonly isReadOnly?: boolean
  /** Gives it back, once the broker has closed. */
  close(): Promise<void>
}

/**
 * Runs a broker on a store.
 * @param isHost whether triggers may run beside it; where functions deliver, they would get in each other's way
 */
export function runBroker(
  { ports: given, health, createdMs, storeId, checkIndex, isReadOnly = false, close: closeStore }: OpenStore,
  { locator, lingerMs = 0, reportError = error => console.error(error), ...settings }: EmbeddedOptions,
  isHost: boolean,
): Embedded {
  const ending = new AbortController()
  const ports = { ...given, ending: ending.signal }
  let patience: NodeJS.Timeout | undefined
  const prepareEnd = () => {
    patience ??= setTimeout(() => ending.abort(), CLOSE_PATIENCE_MS).unref()
  }
  const flushes = isReadOnly ? 'elsewhere' : (settings.flushes ?? 'in-background')
  const settles = isReadOnly ? 'elsewhere' : (settings.settles ?? flushes)
  const broker = new LogBroker(ports, { lingerMs, reportError, ...settings, flushes, settles }, locator)
  broker.start()
  const stops: (() => Promise<void>)[] = []
  let closed: Promise<void> | undefined
  const embedded: Embedded = {
    broker,
    objects: ports.objects,
    health,
    verify: request => {
      const summary = new VerifySummary()
      return { findings: findingsIn(ports, summary, { createdMs, checkIndex, ...request }), summary }
    },
    close: () => {
      prepareEnd()
      closed ??= closeAll(stops, broker, closeStore).finally(() => clearTimeout(patience))
      return closed
    },
  }
  stores.set(embedded, { ports, storeId })
  if (isHost) {
    const directory = new TopicDirectory(ports.topics, ports.clock)
    const beforeClose = (stop: () => Promise<void>) => void stops.push(stop)
    const listen: EmbeddedHost['listen'] = (...of) => broker.listen(...of)
    const { outboxes } = given
    const { append } = broker
    hosts.set(embedded, { ports, outboxes, broker, append, directory, listen, beforeClose, prepareEnd })
  }
  return embedded
}

/** Loaded when somebody asks: most processes never do. */
async function* findingsIn(
  ports: Ports,
  summary: VerifySummary,
  settings: VerifySettings,
): AsyncGenerator<Finding> {
  const { verify } = await import('../broker/verifying/verify.ts')
  yield* verify(ports, summary, settings)
}

async function closeAll(
  stops: readonly (() => Promise<void>)[],
  broker: LogBroker,
  closeStore: () => Promise<void>,
): Promise<void> {
  try {
    await Promise.all(stops.map(stop => stop()))
  } finally {
    try {
      await broker.close()
    } finally {
      await closeStore()
    }
  }
}
