/** The sockets of listeners, which a gateway holds. */
export interface ListenerSockets {
  /**
   * Sends one message.
   * @returns `gone`: there is no such socket any more, and will not be
   * @throws NotApplied, OutcomeUnknown (send it again), StoreFailed
   */
  send(socket: string, message: string): Promise<'sent' | 'gone'>
}
