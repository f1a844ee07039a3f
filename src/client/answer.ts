/** A request as the network takes it. */
export interface SentRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | undefined
}

/** An answer that has come as a whole. */
export class Answer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: Uint8Array

  /** @param headers takes names in lower case */
  constructor(status: number, headers: Answer['headers'], body: Uint8Array) {
    this.status = status
    this.headers = headers
    this.body = body
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300
  }

  text(): string {
    return decoder.decode(this.body)
  }

  json(): unknown {
    return JSON.parse(this.text())
  }
}

/** Sends a request by the platform's fetch. */
export async function askFetch(
  { headers, method, url, body }: SentRequest,
  signal: AbortSignal,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers,
    signal,
    // Not followed: a redirect could carry the token elsewhere, and a POST would lose its body.
    redirect: 'manual',
    ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> | string }),
  })
  return new Answer(response.status, response.headers, new Uint8Array(await response.arrayBuffer()))
}

const decoder = new TextDecoder()
