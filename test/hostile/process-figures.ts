import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** What Linux counts in: `getconf CLK_TCK`. */
const TICKS_PER_SECOND = 100
const KB_PER_MB = 1_000_000 / 1_024

/** A process as Linux sees it from outside, however busy it is itself. */
export class ProcessFigures {
  readonly pid: number

  constructor(pid: number) {
    this.pid = pid
  }

  get isAlive(): boolean {
    return existsSync(`/proc/${this.pid}`) && !/^State:\s+Z/m.test(this.#status())
  }

  /** Resident at this moment, in MB; 0 where it has ended. */
  get residentMb(): number {
    return this.#statusMb('VmRSS')
  }

  /** The most that was resident since `forgetPeak`. */
  get peakMb(): number {
    return this.#statusMb('VmHWM')
  }

  /** The most begins anew, with what is resident now. */
  forgetPeak(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5')
  }

  /** Processor time that it has taken since it began, all threads together. */
  get processorMs(): number {
    // The command's name, in parentheses, may hold blanks.
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
    const [userTicks, systemTicks] = [fields[11], fields[12]]
    return ((Number(userTicks) + Number(systemTicks)) * 1_000) / TICKS_PER_SECOND
  }

  #status(): string {
    try {
      return readFileSync(`/proc/${this.pid}/status`, 'utf8')
    } catch {
      return ''
    }
  }

  #statusMb(name: string): number {
    const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(this.#status()) ?? []
    return kilobytes === undefined ? 0 : Number(kilobytes) / KB_PER_MB
  }
}

const ESTABLISHED = '01'
const CLOSE_WAIT = '08'

/**
 * Of the connections to a local port from these ones, those that its process still has. A client that does not read
 * cannot tell: what closes a connection stands behind what was not read.
 */
export function openConnections(serverPort: number, clientPorts: ReadonlySet<number>): number {
  const [, ...rows] = readFileSync('/proc/net/tcp', 'latin1').trim().split('\n')
  return rows.filter(row => {
    const [, local, remote, state] = row.trim().split(/\s+/)
    if (portOf(local!) !== serverPort || !clientPorts.has(portOf(remote!))) return false
    return state === ESTABLISHED || state === CLOSE_WAIT
  }).length
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1]!, 16)
}
