import type { Fetch } from '../../broker.ts'
import type { HttpContext } from '../route.ts'

/** Fetches batches that are sent as they are: with the server's room and memory for its answer, where it has such. */
export function inLentMemory<T>(
  { env: { room, memory } }: HttpContext,
  { signal }: Pick<Fetch, 'signal'>,
  fetch: (lent: Pick<Fetch, 'reserve' | 'memory'>) => Promise<T>,
): Promise<T> {
  const reserve = room && { reserve: (bytes: number) => room.take(bytes, signal) }
  if (!memory) return fetch({ ...reserve })
  return memory.use(() => fetch({ ...reserve, memory }))
}
