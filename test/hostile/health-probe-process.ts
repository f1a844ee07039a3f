/**
 * Asks a broker's /health on a connection of its own every few milliseconds, in a process that does nothing else, so
 * that the attack's own work is not taken for the broker's: `node health-probe-process.ts URL`. Tells its parent what
 * it found when it is asked to.
 */
import { request } from 'node:http'
import { PROBE_INTERVAL_MS, type ProbeFindings } from './health-prober.ts'

/** More would be an attack of its own. */
const OUTSTANDING_MAX = 40
const GIVE_UP_MS = 60_000

const url = process.argv[2]!
const latenciesMs: number[] = []
const waiting: number[] = []
const underWay = new Set<number>()
let unanswered = 0
let refused = 0
let isOver = false
let isBegun = false

/** Latencies count from when the request was due: what a stall holds back is part of it. */
function ask(dueMs: number): void {
  underWay.add(dueMs)
  const settle = (isAnswered: boolean) => {
    if (!underWay.delete(dueMs)) return
    if (isAnswered) latenciesMs.push(performance.now() - dueMs)
    else unanswered++
    if (!isBegun) process.send!('begun')
    isBegun = true
    const next = waiting.shift()
    if (next !== undefined && !isOver) ask(next)
  }
  const asked = request(`${url}/health`, { agent: false, timeout: GIVE_UP_MS }, answer => {
    if (answer.statusCode !== 200) refused++
    answer.resume()
    answer.on('end', () => settle(true))
    answer.on('error', () => settle(false))
  })
  asked.on('timeout', () => asked.destroy())
  asked.on('error', () => settle(false))
  asked.end()
}

function tell(): void {
  isOver = true
  const nowMs = performance.now()
  // Whoever still waits has waited so long already.
  const soFar = [...underWay, ...waiting].map(dueMs => nowMs - dueMs)
  const findings: ProbeFindings = {
    latenciesMs: [...latenciesMs, ...soFar],
    unanswered,
    refused,
  }
  process.send!(findings, () => process.exit(0))
}

process.on('message', tell)
process.on('disconnect', () => process.exit(0))

setInterval(() => {
  if (isOver) return
  // What this process slept through itself says nothing of the broker.
  const dueMs = performance.now()
  if (underWay.size < OUTSTANDING_MAX) ask(dueMs)
  else waiting.push(dueMs)
}, PROBE_INTERVAL_MS)
