import type { Broker } from '../../contract/broker.ts'
import { toOffset } from '../../core/numbers.ts'
import { CommandFailure, EXIT_OK } from '../output/failure.ts'
import { note, type Terminal } from '../output/terminal.ts'

export interface DeleteRecordsSettings {
  topic: string
  partition: number
  /** 'latest': everything that is there now. */
  before: number | 'latest'
}

/** Moves the start of a partition's log. */
export async function deleteRecords(
  broker: Broker,
  { topic, partition, before }: DeleteRecordsSettings,
  terminal: Terminal,
): Promise<number> {
  const beforeOffset = before === 'latest' ? await endOffset(broker, topic, partition) : toOffset(before)
  const { startOffset } = await broker.deleteRecords({ topic, partition, beforeOffset })
  note(terminal, `partition ${partition} of ${topic} now starts at offset ${startOffset}`)
  return EXIT_OK
}

async function endOffset(broker: Broker, topic: string, partition: number) {
  const { offset } = await broker.offsetFor({ topic, partition, at: 'latest' })
  if (offset === null) throw new CommandFailure(`the broker does not tell where partition ${partition} ends`)
  return offset
}
