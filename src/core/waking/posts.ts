import { POSTS_BYTES_MAX } from '../limits.ts'
import type { Offset } from '../numbers.ts'
import type { PartitionId } from '../topic/partition-id.ts'
import { encodePolls, encodeWakes, type Wake } from './messages.ts'

/** A message, and the socket that it is for. */
export interface Post {
  readonly socket: string
  readonly message: string
}

/** A partition that has changed, and those who were armed there. */
export interface Changed {
  readonly partition: PartitionId
  readonly endOffset: Offset
  readonly sockets: readonly string[]
  /** They are told to poll. */
  readonly isCrowded: boolean
  /** Those who stay armed, with the offset from which on each is told. */
  readonly staying?: ReadonlyMap<string, Offset> | undefined
  /** The batches from an offset on, where a message can bring them. */
  readonly batchesFrom?: ((from: Offset) => Uint8Array | undefined) | undefined
}

/** What is told to whom: all that has changed for a socket comes in as few messages as hold it. */
export function planPosts(changes: readonly Changed[]): Post[] {
  const told = new Map<string, { wakes: Wake[]; polls: PartitionId[] }>()
  for (const { partition, endOffset, sockets, isCrowded, staying, batchesFrom } of changes) {
    // Most know the log equally far.
    const pushed = new Map<Offset, Uint8Array | undefined>()
    const stayingAt = (from: Offset): Pick<Wake, 'from' | 'batches'> => {
      if (!pushed.has(from)) pushed.set(from, batchesFrom?.(from))
      return { from, batches: pushed.get(from) }
    }
    for (const socket of sockets) {
      let its = told.get(socket)
      if (!its) {
        its = { wakes: [], polls: [] }
        told.set(socket, its)
      }
      if (isCrowded) its.polls.push(partition)
      else {
        const from = staying?.get(socket)
        its.wakes.push({ ...partition, endOffset, ...(from !== undefined && stayingAt(from)) })
      }
    }
  }
  return [...told].flatMap(([socket, { wakes, polls }]) =>
    [...encodeWakes(wakes), ...encodePolls(polls)].map(message => ({ socket, message })),
  )
}

/** Posts in calls of which none, as JSON, has more than POSTS_BYTES_MAX. */
export function inCalls(posts: readonly Post[]): Post[][] {
  const calls: Post[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const post of posts) {
    // Ids, numbers and base 64: each character is a byte. The comma, too.
    const its = JSON.stringify(post).length + 1
    if (bytes + its > POSTS_BYTES_MAX) {
      calls.push([])
      bytes = 0
    }
    calls.at(-1)!.push(post)
    bytes += its
  }
  return calls
}

/** Posts as they are handed on; undefined where it is nothing of the kind. */
export function parsePosts(event: unknown): Post[] | undefined {
  const posts = (event as { posts?: unknown } | null | undefined)?.posts
  if (!Array.isArray(posts) || !posts.every(isPost)) return undefined
  return posts
}

function isPost(value: unknown): value is Post {
  const { socket, message } = (value ?? {}) as Partial<Record<keyof Post, unknown>>
  return typeof socket === 'string' && typeof message === 'string'
}
