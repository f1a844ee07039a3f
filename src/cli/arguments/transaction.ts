import { type Command, Option } from 'commander'
import { TRANSACTION_STATES } from '../../contract/transactions.ts'
import { READING, type Session } from '../session.ts'
import { examples, type JsonOptions, PRINT_JSON } from './argument.ts'

export function addTransaction(program: Command, session: Session): void {
  const transaction = program
    .command('transaction')
    .summary('list, describe and abort transactions')
    .description(
      'Lists, describes and aborts transactions. One that is open holds nobody up but its own producer, and whoever waits for ' +
        'the offsets that it commits; after its time-out it is aborted by itself.',
    )
    .addHelpText(
      'after',
      examples(
        'tidemark transaction list --state Ongoing',
        'tidemark transaction describe billing-1',
        'tidemark transaction abort billing-1',
      ),
    )
  addList(transaction, session)
  addDescribe(transaction, session)
  addAbort(transaction, session)
}

function addList(transaction: Command, session: Session): void {
  const command = transaction
    .command('list')
    .description('Lists the transactional ids that were used within a week.')
    .addOption(new Option('--state <state...>', 'only those in this state').choices(TRANSACTION_STATES))
    .option(...PRINT_JSON)
    .addHelpText(
      'after',
      examples(
        'tidemark transaction list --state Ongoing',
        'tidemark transaction list --json | jq -r .[].transactionalId',
      ),
    )
  session.onBroker(
    command,
    async ({ state, ...options }: JsonOptions & { state?: string[] }) => {
      const { listTransactions } = await import('../commands/transaction.ts')
      return broker => listTransactions(broker, state ?? [], options, session.terminal)
    },
    READING,
  )
}

function addDescribe(transaction: Command, session: Session): void {
  const command = transaction
    .command('describe')
    .description('Shows who writes under a transactional id, and what its present transaction has written.')
    .argument('<id>')
    .option(...PRINT_JSON)
    .addHelpText(
      'after',
      examples(
        'tidemark transaction describe billing-1',
        'tidemark transaction describe billing-1 --json | jq .partitions',
      ),
    )
  session.onBroker(
    command,
    async (options: JsonOptions, transactionalId: string) => {
      const { describeTransaction } = await import('../commands/transaction.ts')
      return broker => describeTransaction(broker, transactionalId, options, session.terminal)
    },
    READING,
  )
}

function addAbort(transaction: Command, session: Session): void {
  const command = transaction
    .command('abort')
    .description(
      'Aborts what is open of a transactional id, and fences its producer. One that was decided is finished instead.',
    )
    .argument('<id>')
    .addHelpText('after', examples('tidemark transaction abort billing-1'))
  session.onBroker(command, async (_options: object, transactionalId: string) => {
    const { abortTransaction } = await import('../commands/transaction.ts')
    return broker => abortTransaction(broker, transactionalId, session.terminal)
  })
}
