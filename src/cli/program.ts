import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { examples } from './arguments/argument.ts'
import { addConsume } from './arguments/consume.ts'
import { addDeleteRecords, addOffsets } from './arguments/offsets.ts'
import { addProduce } from './arguments/produce.ts'
import { addDev, addVerify } from './arguments/store.ts'
import { addTopic } from './arguments/topic.ts'
import { DEFAULT_BROKER_URL } from './broker-address.ts'
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
      )}\n\nExit codes: 0 done, 1 failed, 2 the command line was wrong, 130 interrupted before the end.`,
    )
  addDev(program, session)
  addTopic(program, session)
  addProduce(program, session)
  addConsume(program, session)
  addOffsets(program, session)
  addDeleteRecords(program, session)
  addVerify(program, session)
  return program
}

/** From the package's own manifest, which lies as far above the sources as above what is built of them. */
function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return manifest.version
}
