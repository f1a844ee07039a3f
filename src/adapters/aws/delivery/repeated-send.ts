import { AWS_MESSAGE_ATTEMPTS_MAX, AWS_MESSAGE_TIMEOUT_MS } from '../../../core/limits.ts'

/**
 * Sends what may be sent several times, and once more where a network swallows it. The SDK waits for an answer for ever, and
 * whoever sends has other things to do in its time.
 * @throws what the SDK throws
 */
export async function sendRepeated<Output>(
  send: (options: { readonly abortSignal: AbortSignal }) => Promise<Output>,
  timeoutMs = AWS_MESSAGE_TIMEOUT_MS,
): Promise<Output> {
  for (let tries = 1; ; tries += 1) {
    const abortSignal = AbortSignal.timeout(timeoutMs)
    try {
      return await send({ abortSignal })
    } catch (error) {
      if (!abortSignal.aborted || tries === AWS_MESSAGE_ATTEMPTS_MAX) throw error
    }
  }
}
