import { UsageError } from '../output/failure.ts'

export interface ListenAddress {
  host: string
  port: number
}

/** `HOST:PORT`, `[v6]:PORT`, or a port of this machine alone; port 0 lets the system choose. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]+)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535) {
    throw new UsageError(`'${text}' is no address to listen on: give HOST:PORT, such as 127.0.0.1:8082`)
  }
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port }
}
