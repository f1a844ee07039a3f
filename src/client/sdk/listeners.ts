/** What a listener gets: KafkaJS's shape. */
export interface InstrumentationEvent<Payload = unknown> {
  id: string
  type: string
  /** Milliseconds since the epoch. */
  timestamp: number
  payload: Payload
}

export type Listener = (event: InstrumentationEvent) => void

/** Who wants to hear of which event. */
export class Listeners {
  readonly #byType = new Map<string, Set<Listener>>()
  #emitted = 0

  /** @returns what takes the listener away again */
  on<Payload>(type: string, listener: (event: InstrumentationEvent<Payload>) => void): () => void {
    const listeners = this.#byType.get(type) ?? new Set()
    this.#byType.set(type, listeners)
    listeners.add(listener as Listener)
    return () => listeners.delete(listener as Listener)
  }

  has(type: string): boolean {
    return (this.#byType.get(type)?.size ?? 0) > 0
  }

  emit(type: string, payload: unknown): void {
    const listeners = this.#byType.get(type)
    if (!listeners || listeners.size === 0) return
    const event = { id: String(this.#emitted++), type, timestamp: Date.now(), payload }
    for (const listener of [...listeners]) {
      try {
        listener(event)
      } catch (error) {
        // The listener's own affair: whoever caused the event goes on, and the process hears of an uncaught error.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
