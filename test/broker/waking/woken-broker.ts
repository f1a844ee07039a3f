import type { Broker, FetchMany, Waking } from '../../../src/contract/broker.ts'
import type { GroupBroker } from '../../../src/contract/groups.ts'
import type { OpenSocket, SocketListener } from '../../../src/contract/waking/socket.ts'
import { TICKET_LIFETIME_MS } from '../../../src/core/limits.ts'
import { partitionKey } from '../../../src/core/topic/partition-id.ts'
import { parseBrokerMessage } from '../../../src/core/waking/messages.ts'
import type { Post } from '../../../src/core/waking/posts.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { ListenerStore } from '../../../src/ports/listener-store.ts'
import type { WakePosts } from '../../../src/ports/wake-posts.ts'

interface Parts {
  readonly broker: Broker & GroupBroker
  /** Serves fetches; the same unless set. */
  readonly fetching?: Broker
  /** That of whoever serves fetches. */
  readonly listeners: ListenerStore
  readonly clock: Pick<Clock, 'nowMs'>
}

/**
 * What a client sees of a broker on AWS that wakes: sockets that give tickets, and fetches that arm by them. Who dispatches has `posts`
 * to reach the sockets. What goes over the network there are calls here, and nothing is lost.
 */
export class WokenBroker {
  readonly broker: Broker & GroupBroker
  readonly fetches: FetchMany[] = []
  readonly posted: Post[] = []
  readonly posts: WakePosts
  readonly #sockets = new Map<string, SocketListener>()
  readonly #parts: Parts
  opened = 0

  constructor(parts: Parts) {
    this.#parts = parts
    const { broker } = parts
    this.broker = new Proxy(broker, {
      get: (_, name) => {
        if (name === 'fetchMany') return (request: FetchMany) => this.#fetch(request)
        const member: unknown = Reflect.get(broker, name, broker)
        return typeof member === 'function' ? member.bind(broker) : member
      },
    })
    this.posts = { post: async some => this.#post(some) }
  }

  /** Ends all sockets, without a word to their listeners. */
  cutAll(): void {
    this.#sockets.clear()
  }

  #open: OpenSocket = listener => {
    this.opened += 1
    const id = `socket ${this.opened}`
    this.#sockets.set(id, listener)
    queueMicrotask(() => listener.heard({ type: 'ticket', ticket: id, expiresMs: 0 }))
    return {
      ping() {},
      close: () => {
        if (this.#sockets.delete(id)) listener.closed(undefined)
      },
    }
  }

  async #fetch({ listener, ...request }: FetchMany) {
    this.fetches.push({ ...request, listener })
    const { fetching, broker, listeners, clock } = this.#parts
    const refused = new Set<string>()
    const arm: FetchMany['arm'] = async partitions => {
      const nowMs = clock.nowMs()
      const times = { nowMs, expiresMs: nowMs + TICKET_LIFETIME_MS }
      const its = await listeners.arm(listener!, partitions, times)
      for (const partition of its) refused.add(partitionKey(partition))
      return its
    }
    const { partitions } = await (fetching ?? broker).fetchMany({
      ...request,
      ...(listener !== undefined && { arm }),
    })
    const polled = [...partitions.entries()].filter(([, { topicId = '', partition }]) =>
      refused.has(partitionKey({ topicId, partition })),
    )
    const waking: Waking = {
      open: this.#open,
      ...(listener !== undefined && {
        armed: polled.length > 0 ? polled.map(([index]) => index) : ('all' as const),
      }),
    }
    return { partitions, waking }
  }

  #post(posts: readonly Post[]): string[] {
    this.posted.push(...posts)
    const gone: string[] = []
    for (const { socket, message } of posts) {
      const listener = this.#sockets.get(socket)
      if (listener) listener.heard(parseBrokerMessage(message)!)
      else gone.push(socket)
    }
    return gone
  }
}
