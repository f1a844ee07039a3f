import { onTestFinished, vi } from 'vitest'

/**
 * Takes the place of the time that a request may take, until the test is over: none passes by itself, however busy a machine is.
 * What it answers ends that of all requests that are under way.
 */
export function heldRequestTimes(): () => void {
  const underWay = new Set<AbortController>()
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
    const controller = new AbortController()
    underWay.add(controller)
    return controller.signal
  })
  onTestFinished(() => timeout.mockRestore())
  return () => {
    const ended = [...underWay]
    underWay.clear()
    for (const controller of ended) controller.abort(new DOMException('The time is over.', 'TimeoutError'))
  }
}
