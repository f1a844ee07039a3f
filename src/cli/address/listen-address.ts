import { CommandFailure, UsageError } from '../output/failure.ts'

export interface ListenAddress {
  host: string
  port: number
}

/** Port 9092 of this machine, which Kafka's clients try. */
export const KAFKA_LISTEN_DEFAULT = '127.0.0.1:9092'

/** `HOST:PORT`, `[v6]:PORT`, or a port of this machine alone; port 0 lets the system choose. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]+)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535) {
    throw new UsageError(`'${text}' is no address to listen on: give HOST:PORT, such as 127.0.0.1:8082`)
  }
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port }
}

export function formatAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** How long something that has the port already may take to show that it can be asked. */
const ASKING_MS_MAX = 500

/**
 * Whoever asks by `fetch`, as all clients of Tidemark and web browsers do, refuses some ports before it sends anything. It keeps
 * its list to itself, so it is asked.
 * @throws CommandFailure where nobody could reach a broker on this port
 */
export async function checkPortCanBeAsked(port: number): Promise<void> {
  if (port === 0) return
  try {
    await fetch(`http://127.0.0.1:${port}`, {
      signal: AbortSignal.timeout(ASKING_MS_MAX),
      redirect: 'manual',
    })
  } catch (error) {
    const { cause } = error as Error
    if (!(cause instanceof Error) || cause.message !== 'bad port') return
    throw new CommandFailure(
      `port ${port} is that of another protocol, so clients would refuse to ask a broker there: choose another one, such ` +
        'as 8082',
    )
  }
}
