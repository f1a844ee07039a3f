import { Consumer } from '../../client/sdk/consuming/consumer.ts'
import type { Broker } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import { planReading } from '../consuming/reading-plan.ts'
import {
  consumerOptions,
  printRecords,
  READING_DEFAULT,
  type ReadingSettings,
  readableOf,
} from '../consuming/record-printer.ts'
import { resultUntil } from '../interruption.ts'
import { note, type Terminal } from '../output/terminal.ts'

export interface ConsumeSettings extends ReadingSettings {
  topic: string
  /** Empty: all of them, and those that are added while we read. */
  partitions: number[]
}

/** Prints records: those of a partition in order, those of different partitions as they arrive. */
export async function consume(
  asked: Broker & GroupBroker,
  settings: ConsumeSettings,
  terminal: Terminal,
  tuning = READING_DEFAULT,
): Promise<number> {
  const { interrupted } = terminal
  const broker = readableOf(asked, settings, terminal)
  const topic = await resultUntil(broker.describeTopic(settings.topic), interrupted)
  const plan = await resultUntil(planReading(broker, topic, settings), interrupted)
  for (const line of plan.notes) note(terminal, line)
  const consumer = new Consumer(broker, consumerOptions(tuning))
  consumer.assign(plan.starts, { follow: settings.partitions.length === 0 && !settings.exitAtEnd })
  return printRecords(consumer, settings, { topics: [topic], tuning, prefix: '' }, terminal)
}
