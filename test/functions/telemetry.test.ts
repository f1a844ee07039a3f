import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openTelemetry, type Telemetry } from '../../functions/runtime/telemetry.ts'
import { FUNCTION_REPORT_MS, FUNCTION_REPORT_REQUESTS_MAX } from '../../src/core/limits.ts'

let lines: Record<string, unknown>[]
let nowMs: number
let telemetry: Telemetry

const open = (logsRequests = false) =>
  openTelemetry({ service: 'produce', broker: 'table', isTraced: false, logsRequests })

beforeEach(async () => {
  lines = []
  nowMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  vi.spyOn(process.stdout, 'write').mockImplementation(line => lines.push(JSON.parse(String(line))) > 0)
  telemetry = await open()
})
afterEach(() => {
  vi.restoreAllMocks()
})

const request = (durationMs: number) => ({
  metrics: { Requests: 1, DurationMs: durationMs, ProducedRecords: 2 },
  details: { requestId: `of ${durationMs} ms` },
})

describe('requests of which nothing is to be told', () => {
  test('have a line when the process starts, and then one a minute for all', () => {
    telemetry.gather(request(7))
    expect(lines.splice(0)).toMatchObject([{ Requests: 1, ColdStarts: 1, requestId: 'of 7 ms' }])
    for (let number = 1; number <= 3; number += 1) telemetry.gather(request(number))
    expect(lines).toEqual([])
    nowMs += FUNCTION_REPORT_MS
    telemetry.gather(request(4))
    expect(lines).toMatchObject([
      { Requests: 4, ProducedRecords: 8, DurationMs: [1, 2, 3, 4], service: 'produce' },
    ])
    expect(lines[0]).not.toHaveProperty('requestId')
  })

  test('have one for so many of them, where they come fast', () => {
    telemetry.gather(request(0))
    for (let number = 0; number < 2 * FUNCTION_REPORT_REQUESTS_MAX; number += 1) telemetry.gather(request(1))
    expect(lines.map(({ Requests }) => Requests)).toEqual([
      1,
      FUNCTION_REPORT_REQUESTS_MAX,
      FUNCTION_REPORT_REQUESTS_MAX,
    ])
  })

  test('are told before one of which something is, and not with its error', () => {
    telemetry.gather(request(0))
    telemetry.gather(request(1))
    telemetry.publish({ ...request(9), error: 'INVALID_REQUEST' })
    expect(lines.slice(1)).toMatchObject([
      { Requests: 1, DurationMs: 1 },
      { Requests: 1, DurationMs: 9, kafkaError: 'INVALID_REQUEST', requestId: 'of 9 ms' },
    ])
    expect(lines[1]).not.toHaveProperty('kafkaError')
  })

  test('have each its own where somebody wants that', async () => {
    telemetry = await open(true)
    for (let number = 0; number < 3; number += 1) telemetry.gather(request(number))
    expect(lines.map(({ requestId }) => requestId)).toEqual(['of 0 ms', 'of 1 ms', 'of 2 ms'])
  })
})
