import { CONSUMER_EVENTS } from '../sdk/consuming/consumer-options.ts'
import { KafkaJSNonRetriableError, toCrash, toKafkaJSError } from './errors.ts'
import type { AdminEvents, ConsumerEvents, InstrumentationEvent, ProducerEvents } from './types/events.ts'
import type { Logger } from './types/logging.ts'

function networkEvents<const Of extends string>(of: Of) {
  return {
    REQUEST: `${of}.network.request`,
    REQUEST_TIMEOUT: `${of}.network.request_timeout`,
    REQUEST_QUEUE_SIZE: `${of}.network.request_queue_size`,
  } as const
}

export const KAFKA_ADMIN_EVENTS: AdminEvents = {
  CONNECT: 'admin.connect',
  DISCONNECT: 'admin.disconnect',
  ...networkEvents('admin'),
}

export const KAFKA_PRODUCER_EVENTS: ProducerEvents = {
  CONNECT: 'producer.connect',
  DISCONNECT: 'producer.disconnect',
  DELIVERY_FAILED: 'producer.delivery_failed',
  ...networkEvents('producer'),
}

export const KAFKA_CONSUMER_EVENTS: ConsumerEvents = {
  ...CONSUMER_EVENTS,
  RECEIVED_UNSUBSCRIBED_TOPICS: 'consumer.received_unsubscribed_topics',
  ...networkEvents('consumer'),
}

interface Emitting {
  on(name: never, listener: (event: InstrumentationEvent<never>) => void): () => void
}

/**
 * Listens to a client as KafkaJS would: errors are KafkaJS's, and what a listener throws is logged.
 * @throws KafkaJSNonRetriableError for the name of no event
 */
export function listen(
  { events, client, logger }: { events: object; client: Emitting; logger: Logger },
  name: string,
  // biome-ignore lint/suspicious/noExplicitAny: of the event that the name says
  listener: (event: any) => unknown,
): () => void {
  const names: unknown[] = Object.values(events)
  if (!names.includes(name)) {
    throw new KafkaJSNonRetriableError(`There is no event ${name}: it is one of ${names.join(', ')}.`)
  }
  return client.on(name as never, async (event: InstrumentationEvent<{ error?: unknown } | null>) => {
    const { payload } = event
    const translate = name === CONSUMER_EVENTS.CRASH ? toCrash : toKafkaJSError
    const told = payload?.error === undefined ? payload : { ...payload, error: translate(payload.error) }
    try {
      await listener({ ...event, payload: told })
    } catch (error) {
      logger.error(`A listener of ${name} failed: ${error}`, { eventName: name })
    }
  })
}
