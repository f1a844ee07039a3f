/** What the programs in Node share: requests in, answers out, a line each. */
import { createInterface } from 'node:readline'

type Answers = Readonly<Record<string, (request: never) => Promise<unknown>>>

/** What the broker answered: Kafka's number of the error, and the client's words. */
export class Refused extends Error {
  readonly code: number | null

  constructor(code: number | null, message: string) {
    super(message)
    this.code = code
  }
}

export function tell(event: unknown): void {
  say({ event })
}

/** Calls what a request names, one after the other, until the input ends. */
export async function serve(
  answers: Answers,
  codeOf: (error: unknown) => number | null,
  close: () => Promise<void>,
): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    try {
      const ok = await answers[request.do]!(request as never)
      say({ ok: ok ?? null })
    } catch (error) {
      const code = error instanceof Refused ? error.code : codeOf(error)
      say({ error: { code, message: String(error) } })
    }
  }
  await close()
  process.exit(0)
}

function say(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

export function decoded(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}

export function encoded(bytes: Uint8Array | null | undefined): string | null {
  return bytes == null ? null : Buffer.from(bytes).toString('base64')
}
