import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { DEFAULT_BROKER_URL } from './address/broker-address.ts'
import { examples } from './arguments/argument.ts'
import { addConsume } from './arguments/consume.ts'
import { addGateway } from './arguments/gateway.ts'
import { addGatewayUser } from './arguments/gateway-user.ts'
import { addGroup } from './arguments/group.ts'
import { addInspect } from './arguments/inspect.ts'
import { addMaintain } from './arguments/maintain.ts'
import { addDeleteRecords, addOffsets } from './arguments/offsets.ts'
import { addProduce } from './arguments/produce.ts'
import { addRebuildIndex } from './arguments/rebuild-index.ts'
import { addDev } from './arguments/store.ts'
import { addTopic } from './arguments/topic.ts'
import { addTransaction } from './arguments/transaction.ts'
import { addTrigger } from './arguments/trigger.ts'
import { addVerify } from './arguments/verify.ts'
import type { Session } from './session.ts'

/** The whole syntax of the command line; what a command does is loaded when it runs. */
export function buildProgram(session: Session): Command {
  const { output, notes } = session.terminal
  const program = new Command('tidemark')
    .description("An event log with Kafka's semantics and no servers.")
    .version(readVersion(), '-V, --version', 'print the version')
    .option('-b, --broker <url>', `the broker (default: TIDEMARK_BROKER, or ${DEFAULT_BROKER_URL})`)
    .option('--token <token>', 'its token (default: TIDEMARK_TOKEN)')
    .option('-d, --dir <directory>', 'open the store in this directory instead of asking a broker')
    .option('--aws', 'open the store on AWS, S3 and DynamoDB, instead of asking a broker')
    .option('--table <name>', "the AWS store's table (default: TIDEMARK_TABLE)")
    .option('--bucket <name>', "the AWS store's bucket (default: TIDEMARK_BUCKET)")
    .option('--endpoint <url>', "an AWS emulator's URL, with --aws (default: AWS_ENDPOINT_URL)")
    .option(
      '--outputs <file>',
      "a stack's outputs (cdk deploy --outputs-file): its broker, or with --aws its store",
    )
    .option('--region <name>', 'the AWS region (default: what the host or the outputs tell, or AWS_REGION)')
    .option('--sigv4', 'sign requests with AWS credentials (default: to hosts of API Gateway and Lambda)')
    .option(
      '--verbose',
      'tell where in the program failures arose, and with `dev` a line for each request: who, what, status, time, bytes',
    )
    .hook('preAction', (_, command) => {
      session.isVerbose = command.optsWithGlobals<{ verbose?: boolean }>().verbose ?? false
    })
    .exitOverride()
    .configureOutput({
      writeOut: text => void output.write(text),
      writeErr: text => void notes.write(text),
      outputError: (text, writeError) => writeError(text.replace(/^error: /, 'tidemark: ')),
      getOutHelpWidth: () => 110,
      getErrHelpWidth: () => 110,
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(--help shows how it is used)')
    .addHelpText(
      'after',
      `${examples(
        'tidemark dev',
        'tidemark topic create tides --partitions 4',
        "printf 'ebb\\nflow\\n' | tidemark produce tides",
        'tidemark consume tides --exit-at-end',
        'tidemark consume tides --group harbour',
        'tidemark --broker https://abc.execute-api.eu-west-1.amazonaws.com topic list',
        'tidemark --outputs outputs.json produce tides measurements.txt',
        'tidemark --aws --outputs outputs.json verify',
        'tidemark --aws --outputs outputs.json gateway',
        'tidemark --aws --table tidemark --bucket tidemark-segments consume tides',
      )}\n\nExit codes: 0 done, 1 failed, 2 the command line was wrong, 130 interrupted before the end.`,
    )
  addDev(program, session)
  addGateway(program, session)
  addGatewayUser(program, session)
  addTopic(program, session)
  addProduce(program, session)
  addConsume(program, session)
  addGroup(program, session)
  addTransaction(program, session)
  addTrigger(program, session)
  addOffsets(program, session)
  addDeleteRecords(program, session)
  addVerify(program, session)
  addInspect(program, session)
  addMaintain(program, session)
  addRebuildIndex(program, session)
  return program
}

/** From the package's own manifest, which lies as far above the sources as above what is built of them. */
function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return manifest.version
}
