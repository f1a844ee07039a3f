import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Sends a request, and once more when there is no answer after `hedgeMs`: the first answer wins, and the other
 * request is aborted. A request that fails waits for the other one, if that is under way.
 * @param whole aborts both, also after one of them has won
 * @throws what the first request threw, when none was answered
 */
export async function hedged<Answer>(
  send: (signal: AbortSignal) => Promise<Answer>,
  hedgeMs: number,
  whole: AbortSignal,
): Promise<Answer> {
  const racers: AbortController[] = []
  const race = async () => {
    const racer = new AbortController()
    racers.push(racer)
    const answer = await send(AbortSignal.any([whole, racer.signal]))
    return { racer, answer }
  }
  const settled = new AbortController()
  const first = race().finally(() => settled.abort())
  const second = sleep(hedgeMs, undefined, { signal: settled.signal }).then(race)
  try {
    const { racer: winner, answer } = await Promise.any([first, second])
    for (const racer of racers) if (racer !== winner) racer.abort()
    return answer
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error
  }
}
