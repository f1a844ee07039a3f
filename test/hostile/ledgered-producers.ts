import { setTimeout as sleep } from 'node:timers/promises'
import { HttpBroker } from '../../src/client/http-broker.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { type ProduceLedger, recordValue, type SentRecord } from '../cli/produce-ledger.ts'

export const TOPIC = 'troubled'
export const PARTITIONS = 4
const PRODUCERS = 4
/** Inline, and in objects. */
const VALUE_BYTES = [60, 60, 200, 2_000, 20_000]
const RECORDS_MAX = 5
/** So long a producer rests that was refused, so as not to do nothing else but ask. */
const REFUSED_PAUSE_MS = 20

/** What a store in trouble, or a broker that is gone, may be told as. */
const TROUBLES = new Set([
  'KAFKA_STORAGE_ERROR',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'BROKER_NOT_AVAILABLE',
])

/** What producers were answered, and how often. */
export interface Answers {
  acknowledged: number
  refused: number
  unknown: number
  /** Answers that no trouble of a store excuses. */
  wrong: string[]
  /** Of all that failed, what it was told as. */
  readonly told: Set<string>
  longestMs: number
}

/** Lets producers write by the brokers at these URLs, whatever they are answered, until the signal; notes down each answer. */
export async function produceUntil(
  signal: AbortSignal,
  urls: () => readonly string[],
  ledger: ProduceLedger,
  name: string,
  random: () => number,
): Promise<Answers> {
  const answers: Answers = {
    acknowledged: 0,
    refused: 0,
    unknown: 0,
    wrong: [],
    told: new Set(),
    longestMs: 0,
  }
  const produceOnce = async (id: string) => {
    const partition = Math.floor(random() * PARTITIONS)
    const bytes = VALUE_BYTES[Math.floor(random() * VALUE_BYTES.length)]!
    const sent: SentRecord[] = Array.from({ length: 1 + Math.floor(random() * RECORDS_MAX) }, (_, index) => ({
      id: `${name}-${id}-${index}`,
      partition,
    }))
    const batches = encodeBatch(
      sent.map(record => ({ value: recordValue(record.id, bytes) })),
      { nowMs: Date.now() },
    )
    const all = urls()
    const broker = new HttpBroker({ url: all[Math.floor(random() * all.length)]! })
    const startMs = performance.now()
    try {
      const { baseOffset } = await broker.produce({ topic: TOPIC, partition, batches })
      ledger.acknowledged(sent, baseOffset)
      answers.acknowledged += 1
    } catch (error) {
      const isRefused = error instanceof TidemarkError && error.written === 'no'
      if (isRefused) ledger.refused(sent)
      else ledger.outcomeUnknown(sent)
      answers[isRefused ? 'refused' : 'unknown'] += 1
      const isTrouble = error instanceof TidemarkError && TROUBLES.has(error.kafkaName)
      if (!isTrouble) answers.wrong.push(String(error))
      else answers.told.add(`${error.kafkaName}: ${error.message}`)
      await sleep(REFUSED_PAUSE_MS)
    } finally {
      answers.longestMs = Math.max(answers.longestMs, performance.now() - startMs)
    }
  }
  const produceOn = async (producer: number) => {
    for (let call = 0; !signal.aborted; call += 1) await produceOnce(`${producer}-${call}`)
  }
  await Promise.all(Array.from({ length: PRODUCERS }, (_, producer) => produceOn(producer)))
  return answers
}

export function wordsFor({ acknowledged, refused, unknown, longestMs }: Answers): string {
  return `${acknowledged} calls acknowledged, ${refused} refused, ${unknown} unknown, the longest ${Math.round(longestMs)} ms`
}
