import type {
  TransactionBroker,
  TransactionDescription,
  TransactionSummary,
} from '../../contract/transactions.ts'
import { EXIT_OK } from '../output/failure.ts'
import { formatJson, type JsonSettings, printList } from '../output/listing.ts'
import { formatTable } from '../output/table.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

export async function listTransactions(
  broker: TransactionBroker,
  states: readonly string[],
  settings: JsonSettings,
  terminal: Terminal,
): Promise<number> {
  const listing = {
    titles: ['ID', 'STATE', 'PRODUCER'],
    row: ({ transactionalId, state, producerId }: ReturnType<typeof inJson>) => [
      transactionalId,
      state,
      producerId,
    ],
    none:
      states.length > 0
        ? `no transactional id is ${states.join(' or ')}`
        : 'no transactional ids: a producer with one makes it',
  }
  const found = await broker.listTransactions({ states })
  return printList(found.map(inJson), listing, settings, terminal)
}

export async function describeTransaction(
  broker: TransactionBroker,
  transactionalId: string,
  { json }: JsonSettings,
  terminal: Terminal,
): Promise<number> {
  const found = await broker.describeTransaction(transactionalId)
  await write(terminal, json ? formatJson(inJson(found)) : formatTransaction(found))
  return EXIT_OK
}

export async function abortTransaction(
  broker: TransactionBroker,
  transactionalId: string,
  terminal: Terminal,
): Promise<number> {
  const { state, epoch } = await broker.abortTransaction(transactionalId)
  note(
    terminal,
    `${transactionalId} has nothing open any more: it is ${state}, and its producer's epoch ${epoch}`,
  )
  return EXIT_OK
}

/** 64 bits are no number in JSON. */
function inJson<T extends TransactionSummary>({
  producerId,
  ...rest
}: T): Omit<T, 'producerId'> & { producerId: string } {
  return { ...rest, producerId: String(producerId) }
}

function formatTransaction(found: TransactionDescription): string {
  const { transactionalId, state, producerId, epoch, number, timeoutMs, startedMs, partitions, offsets } =
    found
  const facts = [
    ['Id', transactionalId],
    ['State', state],
    ['Producer', `${producerId}, epoch ${epoch}`],
    ['Number', String(number)],
    ['Time-out', `${timeoutMs} ms`],
    ...(startedMs === null ? [] : [['Began', new Date(startedMs).toISOString()]]),
    ...offsets.map(({ groupId, topic, partition }) => ['Commits', `${groupId} in ${topic}/${partition}`]),
  ]
  const summary = facts.map(([title, value]) => `${`${title}:`.padEnd(10)}${value}\n`).join('')
  if (partitions.length === 0) return summary
  const rows = partitions.map(({ topic, partition, records, bytes }) => [topic, partition, records, bytes])
  return `${summary}\n${formatTable(['TOPIC', 'PARTITION', 'RECORDS', 'BYTES'], rows)}`
}
