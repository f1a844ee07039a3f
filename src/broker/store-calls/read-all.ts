import { type Retrying, retryUntil } from './retry.ts'

/**
 * All of a listing; one that fails in its midst begins anew.
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline, by the monotonic clock
 */
export async function readAll<T>(
  ports: Retrying,
  deadlineMs: number,
  list: () => AsyncIterable<T>,
): Promise<T[]> {
  return await retryUntil(ports, deadlineMs, 'no', async () => {
    const items: T[] = []
    for await (const item of list()) items.push(item)
    return items
  })
}
