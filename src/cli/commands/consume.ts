import type { Broker } from '../../contract/broker.ts'
import type { FormatRecord } from '../consumed-record.ts'
import { EXIT_INTERRUPTED, EXIT_OK } from '../failure.ts'
import { resultUntil } from '../interruption.ts'
import { planCursors } from '../partition-cursor.ts'
import { RECORD_READER_DEFAULT, RecordReader } from '../record-reader.ts'
import type { StartPlace } from '../start-place.ts'
import { note, type Terminal, throwIfOutputFailed } from '../terminal.ts'

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
  broker: Broker,
  settings: ConsumeSettings,
  terminal: Terminal,
  tuning = RECORD_READER_DEFAULT,
): Promise<number> {
  const { interrupted } = terminal
  const topic = await resultUntil(broker.describeTopic(settings.topic), interrupted)
  const plan = await resultUntil(planCursors(broker, topic, settings), interrupted)
  for (const line of plan.notes) note(terminal, line)
  const reader = new RecordReader(
    broker,
    { ...tuning, recordsMax: settings.recordsMax, format: settings.format },
    terminal,
  )
  for (const cursor of plan.cursors) reader.add(cursor)
  const followsPartitions = settings.partitions.length === 0 && !settings.exitAtEnd
  await reader.run(followsPartitions ? topic : null)
  throwIfOutputFailed(terminal)
  const isComplete = reader.isComplete || (!settings.exitAtEnd && settings.recordsMax === null)
  return interrupted.aborted && !isComplete ? EXIT_INTERRUPTED : EXIT_OK
}
