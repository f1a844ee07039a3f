import { fewAtATime } from '../../src/broker/store-calls/few-at-a-time.ts'
import { isTransient } from '../../src/broker/store-calls/retry.ts'
import { POSTED_SOCKETS_AT_ONCE } from '../../src/core/limits.ts'
import { type Post, parsePosts } from '../../src/core/waking/posts.ts'
import type { ListenerSockets } from '../../src/ports/listener-sockets.ts'
import type { Telemetry } from '../runtime/telemetry.ts'

interface PostPorts {
  readonly sockets: ListenerSockets
  readonly telemetry: Pick<Telemetry, 'warn' | 'trace'>
}

/**
 * Posts to listeners. One that is gone has another socket by now, and arms by that. What cannot be posted is told in the log and given
 * up: its listener looks by itself, and all of it over again would wake the others for nothing.
 */
export function makePostFunction({ sockets, telemetry }: PostPorts): (event: unknown) => Promise<void> {
  async function send({ socket, message }: Post): Promise<unknown> {
    for (let tries = 1; ; tries += 1) {
      try {
        await sockets.send(socket, message)
        return undefined
      } catch (error) {
        if (tries === 2 || !isTransient(error)) return error
      }
    }
  }

  async function post(event: unknown): Promise<void> {
    const posts = parsePosts(event)
    if (!posts) {
      telemetry.warn('There is nothing to post in this', { event })
      return
    }
    const failures = await fewAtATime(posts, POSTED_SOCKETS_AT_ONCE, send)
    const failed = failures.filter(error => error !== undefined)
    if (failed.length === 0) return
    const details = { failed: failed.length, of: posts.length, error: failed[0] }
    telemetry.warn('Some listeners are not woken: they look later, by themselves', details)
  }

  return event => telemetry.trace('post', () => post(event))
}
