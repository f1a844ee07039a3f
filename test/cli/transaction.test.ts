import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  abortTransaction,
  describeTransaction,
  listTransactions,
} from '../../src/cli/commands/transaction.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { type Embedded, openInMemory } from '../../src/embedded/embedded.ts'
import { batchIn } from '../broker/transactions/staging.ts'
import { fakeTerminal } from './fake-terminal.ts'

let embedded: Embedded

beforeEach(async () => {
  embedded = openInMemory()
  await embedded.broker.createTopic({ topic: 'tides', partitions: 2 })
})

afterEach(() => embedded.close())

async function printedBy(command: (terminal: ReturnType<typeof fakeTerminal>) => Promise<number>) {
  const terminal = fakeTerminal()
  const exitCode = await command(terminal)
  return { exitCode, printed: terminal.printed().toString(), noted: terminal.noted() }
}

test('lists, describes and aborts what is open', async () => {
  const { broker } = embedded
  const none = await printedBy(terminal => listTransactions(broker, [], {}, terminal))
  expect(none).toMatchObject({
    exitCode: 0,
    printed: '',
    noted: expect.stringContaining('no transactional ids'),
  })
  const done = await new Tidemark({ broker }).producer({ transactionalId: 'done' }).transaction()
  await done.send({ topic: 'tides', messages: [{ value: 'ebb', partition: 0 }] })
  await done.commit()
  const { producerId, epoch } = await broker.initProducer({ transactionalId: 'open' })
  const name = { transactionalId: 'open', producerId, epoch, number: 1 }
  const batches = [{ topic: 'tides', partition: 1, batches: batchIn(name, 0, ['ebb', 'flood']) }]
  await broker.stage({ ...name, batches, adds: true })
  const offsets = [{ topic: 'tides', partition: 0, offset: toOffset(1) }]
  await broker.commitTransactionOffsets({ ...name, groupId: 'gauges', offsets })

  const listed = await printedBy(terminal => listTransactions(broker, [], {}, terminal))
  expect(listed.printed).toMatch(
    /^ID\s+STATE\s+PRODUCER\ndone\s+CompleteCommit\s+\d+\nopen\s+Ongoing\s+\d+\n$/,
  )
  const ongoing = await printedBy(terminal => listTransactions(broker, ['Ongoing'], { json: true }, terminal))
  expect(JSON.parse(ongoing.printed)).toEqual([
    { transactionalId: 'open', producerId: String(producerId), state: 'Ongoing' },
  ])
  const prepared = await printedBy(terminal =>
    listTransactions(broker, ['PrepareCommit', 'PrepareAbort'], {}, terminal),
  )
  expect(prepared.noted).toContain('no transactional id is PrepareCommit or PrepareAbort')
  const described = await printedBy(terminal => describeTransaction(broker, 'open', {}, terminal))
  expect(described.printed).toContain('State:    Ongoing\n')
  expect(described.printed).toContain('Commits:  gauges in tides/0\n')
  expect(described.printed).toMatch(/tides\s+1\s+2\s+\d+\n$/)
  const aborted = await printedBy(terminal => abortTransaction(broker, 'open', terminal))
  expect(aborted.noted).toContain('open has nothing open any more: it is Empty')
  const afterwards = await printedBy(terminal =>
    describeTransaction(broker, 'open', { json: true }, terminal),
  )
  expect(JSON.parse(afterwards.printed)).toMatchObject({
    state: 'Empty',
    epoch: 1,
    partitions: [],
    offsets: [],
  })
  await expect(printedBy(terminal => abortTransaction(broker, 'none', terminal))).rejects.toMatchObject({
    kafkaName: 'TRANSACTIONAL_ID_NOT_FOUND',
  })
})
