import type { BrokerMessage } from '../../core/waking/messages.ts'

/** What a socket tells its listener. None of these may throw. */
export interface SocketListener {
  /** Messages, in the order in which they came. */
  heard(message: BrokerMessage): void
  /** It is over, whoever ended it; nothing more is heard. An error where it was not asked to. */
  closed(error: Error | undefined): void
}

/** On which a listener is woken. */
export interface Socket {
  /** Says that it is there: gateways end those that are silent. */
  ping(): void
  /** May be repeated. */
  close(): void
}

/** Opens a socket and asks for a ticket. Never throws: what goes wrong is told. */
export type OpenSocket = (listener: SocketListener) => Socket
