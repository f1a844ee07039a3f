import { TidemarkError } from './errors.ts'

/** What a server tells that cannot listen, by the system's error. */
export function cannotListen(error: unknown, host: string, port: number): TidemarkError {
  return new TidemarkError('BROKER_NOT_AVAILABLE', reasonFor(error, host, port), 'no', { cause: error })
}

/** Whether another program listens there. */
export function isPortInUse(error: unknown): boolean {
  return error instanceof TidemarkError && codeOf(error.cause) === 'EADDRINUSE'
}

function reasonFor(error: unknown, host: string, port: number): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use. Stop what listens there, or choose another port (0 takes any free one).`
    case 'EACCES':
      return `Port ${port} on ${host} is not allowed here. Choose one above 1023.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine. Use 127.0.0.1, or one that it has.`
    default:
      return `Cannot listen on ${host}, port ${port}: ${(error as Error).message}.`
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code
}
