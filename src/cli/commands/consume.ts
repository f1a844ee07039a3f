import { Consumer } from '../../client/sdk/consuming/consumer.ts'
import type { StartPlace } from '../../client/sdk/consuming/start-place.ts'
import type { Broker } from '../../contract/broker.ts'
import type { GroupBroker } from '../../contract/groups.ts'
import type { FormatRecord } from '../consuming/consumed-record.ts'
import { endsOf, planReading } from '../consuming/reading-plan.ts'
import { consumerOptions, printRecords, READING_DEFAULT } from '../consuming/record-printer.ts'
import { resultUntil } from '../interruption.ts'
import { note, type Terminal } from '../output/terminal.ts'

export interface ConsumeSettings {
  topic: string
  /** Empty: all of them, and those that are added while we read. */
  partitions: number[]
  from: StartPlace
  recordsMax: number | null
  exitAtEnd: boolean
  format: FormatRecord
}

/** Prints records: those of a partition in order, those of different partitions as they arrive. */
export async function consume(
  broker: Broker & GroupBroker,
  settings: ConsumeSettings,
  terminal: Terminal,
  tuning = READING_DEFAULT,
): Promise<number> {
  const { exitAtEnd, recordsMax, format } = settings
  const { interrupted } = terminal
  const topic = await resultUntil(broker.describeTopic(settings.topic), interrupted)
  const plan = await resultUntil(planReading(broker, topic, settings), interrupted)
  for (const line of plan.notes) note(terminal, line)
  const consumer = new Consumer(broker, consumerOptions(tuning))
  consumer.assign(plan.starts, { follow: settings.partitions.length === 0 && !exitAtEnd })
  const limits = {
    ...(exitAtEnd && { stopOffsets: endsOf([topic]) }),
    ...(recordsMax !== null && { recordsMax }),
  }
  const print = { limits, format, prefix: '', commitIntervalMs: tuning.commitIntervalMs }
  return printRecords(consumer, print, terminal)
}
