import { makeHttpFunction } from '../../functions/runtime/http-function.ts'
import type { HttpResult } from '../../functions/runtime/http-result.ts'
import type { InvocationContext } from '../../functions/runtime/invocation.ts'
import type { Report } from '../../functions/runtime/report.ts'
import type { Service } from '../../functions/runtime/service.ts'
import type { Telemetry } from '../../functions/runtime/telemetry.ts'
import { openMemoryStore } from '../../src/adapters/memory/memory-store.ts'
import type { Route } from '../../src/contract/http/route.ts'
import type { MaintenanceCall } from '../../src/core/maintenance-call.ts'
import { systemClock, systemEntropy } from '../../src/embedded/system.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { MaintenanceWakes } from '../../src/ports/maintenance-wakes.ts'

interface Logged {
  readonly level: 'warn' | 'error'
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/** Keeps what functions tell. */
export class RecordedTelemetry implements Telemetry {
  readonly logged: Logged[] = []
  readonly reports: Report[] = []

  debug(): void {}

  warn(message: string, details: Readonly<Record<string, unknown>>): void {
    this.logged.push({ level: 'warn', message, details })
  }

  error(message: string, details: Readonly<Record<string, unknown>>): void {
    this.logged.push({ level: 'error', message, details })
  }

  publish(report: Report): void {
    this.reports.push(report)
  }

  gather(report: Report): void {
    this.reports.push(report)
  }

  async trace<T>(_name: string, work: () => Promise<T>): Promise<T> {
    return await work()
  }

  /** The sum of a metric over all reports. */
  sum(name: keyof Report['metrics']): number {
    return this.reports.reduce((sum, { metrics }) => sum + (metrics[name] ?? 0), 0)
  }
}

export interface TestService extends Service {
  readonly telemetry: RecordedTelemetry
}

/** What functions work with, in memory. */
export function openTestService(overrides: Partial<Ports> = {}): TestService {
  const store = openMemoryStore(systemClock)
  const ports: Ports = {
    ...store,
    clock: systemClock,
    entropy: systemEntropy,
    ...overrides,
  }
  // As long as one that S3 would take, with a role's session token in it.
  const locator = {
    locate: async (key: string) => ({
      url: `https://bucket.example/${key}?${'s'.repeat(1_800)}`,
      expiresMs: 1,
    }),
  }
  return {
    ports,
    locator,
    listeners: store.listeners,
    telemetry: new RecordedTelemetry(),
    takeTableWrites: () => 0,
  }
}

export function contextOf(remainingMs = 20_000): InvocationContext {
  return { awsRequestId: 'request-1', getRemainingTimeInMillis: () => remainingMs }
}

/** Keeps what a function that maintains would be called for. */
export class RecordedWakes implements MaintenanceWakes {
  readonly calls: MaintenanceCall[] = []

  async wake(calls: readonly MaintenanceCall[]): Promise<void> {
    this.calls.push(...calls)
  }
}

/** A function's answer, its body decoded. */
export interface Answered {
  readonly status: number
  readonly headers: Record<string, string>
  readonly bytes: Buffer
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any
  readonly result: HttpResult
}

export function decoded(result: HttpResult): Answered {
  const bytes = Buffer.from(result.body, result.isBase64Encoded ? 'base64' : 'utf8')
  const isJson = result.headers['content-type']?.includes('json') && bytes.length > 0
  const json = isJson ? JSON.parse(bytes.toString()) : undefined
  return { status: result.statusCode, headers: result.headers, bytes, json, result }
}

/** Calls a function that serves these routes, with any event. */
export function caller(service: Service, routes: readonly Route[]): (event: unknown) => Promise<Answered> {
  const call = makeHttpFunction(service, routes)
  return async event => decoded(await call(event, contextOf()))
}
