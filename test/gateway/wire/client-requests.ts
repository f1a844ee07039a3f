import { existsSync, readFileSync } from 'node:fs'

/** Requests of real clients, as test/kafka/record-requests.ts has seen them: `<client> <api> <version> <frame in hex>`. */
export const CLIENT_REQUESTS = new URL('./client-requests.txt', import.meta.url)

export interface RecordedRequest {
  readonly client: string
  /** Its name, or its key where there is no table of it. */
  readonly api: string
  readonly version: number
  /** The frame without its length. */
  readonly hex: string
}

export function clientRequests(): RecordedRequest[] {
  if (!existsSync(CLIENT_REQUESTS)) return []
  const lines = readFileSync(CLIENT_REQUESTS, 'utf8').trimEnd().split('\n')
  return lines.map(line => {
    const [client = '', api = '', version, hex = ''] = line.split(' ')
    return { client, api, version: Number(version), hex }
  })
}
