import type { Command } from 'commander'
import type { FileTrigger } from '../../embedded/triggers/run-file-triggers.ts'
import { awsOptionsGiven } from '../address/aws-store-address.ts'
import { type AddressOptions, chooseToken } from '../address/broker-address.ts'
import { KAFKA_LISTEN_DEFAULT, type ListenAddress, parseListenAddress } from '../address/listen-address.ts'
import type { KafkaSettings } from '../commands/dev.ts'
import { UsageError } from '../output/failure.ts'
import { note } from '../output/terminal.ts'
import type { Session } from '../session.ts'
import { argument, examples, repeated } from './argument.ts'
import { checkDevTriggers, describeTriggerOptions, parseDevTrigger } from './dev-trigger.ts'

interface DevOptions extends AddressOptions {
  http?: ListenAddress
  /** false: --no-kafka. */
  kafka?: ListenAddress | false
  kafkaUsers?: string
  insecure?: boolean
  allowHost?: string[]
  on?: FileTrigger[]
  quiet?: boolean
}

const DEFAULT_DIRECTORY = '.tidemark'
const DEFAULT_LISTEN = '127.0.0.1:8082'

export function addDev(program: Command, session: Session): void {
  program
    .command('dev')
    .summary('run a broker on this machine')
    .description(
      `Runs a broker on a directory (--dir, default: ${DEFAULT_DIRECTORY}) and serves it over HTTP, and to Kafka's\n` +
        'clients, until Ctrl-C. With --token or TIDEMARK_TOKEN, clients have to present that token; Kafka has no word for\n' +
        'it, so its clients are served then only if --kafka-users names who may come.\n\n' +
        'With --on it calls a handler with the records of a topic, as a deployed trigger calls a Lambda function: the\n' +
        'same event, the same retries. After an edit, the next call gets the new handler. Topics that are not there are\n' +
        'made. In one directory one process runs handlers: one that starts later takes over.',
    )
    .option(
      '--http <host:port>',
      `where to listen; port 0 lets the system choose (default: ${DEFAULT_LISTEN})`,
      argument(parseListenAddress),
    )
    .option(
      '--kafka <host:port>',
      `where to serve Kafka's clients; port 0 lets the system choose (default: ${KAFKA_LISTEN_DEFAULT})`,
      argument(parseListenAddress),
    )
    .option('--no-kafka', "do not serve Kafka's clients")
    .option(
      '--kafka-users <file>',
      'let in only the Kafka clients of users in this file (see `tidemark gateway-user`)',
    )
    .option(
      '--allow-host <name...>',
      'a name, or several, by which clients may call this broker beside its addresses',
    )
    .option(
      '--on <topic=file>',
      'call the handler in this file (file#export: that one) with the records of a topic; may be repeated',
      repeated(parseDevTrigger),
    )
    .option('--quiet', 'with --on: say nothing of batches that a handler has dealt with')
    .option('--insecure', 'listen on an address that others can reach without demanding a token')
    .addHelpText(
      'after',
      `\n${describeTriggerOptions()}\n${examples(
        'tidemark dev',
        'tidemark dev --dir /var/lib/tidemark --http 0.0.0.0:8082 --token "$TOKEN"',
        'tidemark dev --kafka 127.0.0.1:19092',
        'tidemark dev --on orders=./handler.ts',
        'tidemark dev --on orders=./handler.ts#bill,batch-size=10,retries=2,bisect,on-failure=tidemark://orders-failed',
        `tidemark dev --on 'orders=./handler.ts,window=2s,filter={"value":{"kind":["paid","sent"]}}'`,
      )}`,
    )
    .action(async (_local: unknown, command: Command) => {
      const options = command.optsWithGlobals<DevOptions>()
      if (options.broker !== undefined)
        throw new UsageError('dev is the broker: --broker makes no sense with it')
      const awsOptions = [
        ...awsOptionsGiven(options),
        ...(options.outputs === undefined ? [] : ['--outputs']),
      ]
      if (options.aws || options.sigv4 || awsOptions.length > 0) {
        throw new UsageError('dev serves a directory; a store on AWS has its own broker, which is deployed')
      }
      const triggers = options.on ?? []
      checkDevTriggers(triggers)
      const [{ dev }, { startBroker }] = await Promise.all([
        import('../commands/dev.ts'),
        import('../address/connect.ts'),
      ])
      const settings = {
        directory: options.dir ?? DEFAULT_DIRECTORY,
        listen: options.http ?? parseListenAddress(DEFAULT_LISTEN),
        kafka: kafkaSettings(options),
        token: chooseToken(options, session.environment),
        insecure: options.insecure ?? false,
        allowedHosts: options.allowHost ?? [],
        triggers,
        isQuiet: options.quiet ?? false,
        isVerbose: session.isVerbose,
        tellAccess: session.isVerbose ? (line: string) => note(session.terminal, line) : undefined,
      }
      session.exitCode = await dev(startBroker, settings, session.terminal)
    })
}

function kafkaSettings({ kafka, kafkaUsers: usersFile }: DevOptions): KafkaSettings | undefined {
  if (kafka === false) return undefined
  if (kafka !== undefined) return { listen: kafka, isDefault: false, usersFile }
  return { listen: parseListenAddress(KAFKA_LISTEN_DEFAULT), isDefault: true, usersFile }
}
