import type { Command } from 'commander'
import { SCRAM_ITERATIONS_DEFAULT, SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN } from '../../core/limits.ts'
import { UsageError } from '../output/failure.ts'
import type { Session } from '../session.ts'
import { argument, examples, parseWholeNumber } from './argument.ts'

interface UserOptions {
  users: string
  iterations?: number
}

const USERS_OPTION = ['--users <file>', 'the file of users; `set` makes it where there is none'] as const

export function addGatewayUser(program: Command, session: Session): void {
  const user = program
    .command('gateway-user')
    .summary("make users for Kafka's clients")
    .description(
      'Keeps a file of the users whom `tidemark gateway --users` and `tidemark dev --kafka-users` let in. It holds no\n' +
        'passwords: of each, a salt and what it takes to check it by (RFC 5802), for SCRAM-SHA-256 and SCRAM-SHA-512. Only\n' +
        'its owner can read it. Gateways that run see what has changed in it.',
    )
    .addHelpText('after', EXAMPLES)
  user
    .command('set')
    .summary('add a user, or change his password')
    .description(
      'Adds a user, or changes his password. It is asked for, or read from standard input as one line.',
    )
    .argument('<name>', 'the name')
    .requiredOption(...USERS_OPTION)
    .option(
      '--iterations <number>',
      `rounds of the hash: the more, the slower to guess and to sign in (default: ${SCRAM_ITERATIONS_DEFAULT})`,
      argument(parseIterations),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, { users, iterations }: UserOptions) => {
      const { setUser } = await import('../commands/gateway-user.ts')
      session.exitCode = await setUser(users, name, iterations, session.terminal)
    })
  user
    .command('remove')
    .description('Removes a user. Connections that he has stay.')
    .argument('<name>', 'the name')
    .requiredOption(...USERS_OPTION)
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, { users }: UserOptions) => {
      const { removeUser } = await import('../commands/gateway-user.ts')
      session.exitCode = await removeUser(users, name, session.terminal)
    })
  user
    .command('list')
    .description('Prints the names of all users.')
    .requiredOption(...USERS_OPTION)
    .addHelpText('after', EXAMPLES)
    .action(async ({ users }: UserOptions) => {
      const { listUsers } = await import('../commands/gateway-user.ts')
      session.exitCode = await listUsers(users, session.terminal)
    })
}

const EXAMPLES = examples(
  'tidemark gateway-user set alice --users users.json',
  'pass show alice | tidemark gateway-user set alice --users users.json',
  'tidemark gateway-user remove alice --users users.json',
  'tidemark gateway --dir .tidemark --users users.json',
)

function parseIterations(text: string): number {
  const iterations = parseWholeNumber(text, SCRAM_ITERATIONS_MIN)
  if (iterations <= SCRAM_ITERATIONS_MAX) return iterations
  throw new UsageError(`'${text}' is more than ${SCRAM_ITERATIONS_MAX}`)
}
