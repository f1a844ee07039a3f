import { CommanderError } from 'commander'
import { EXIT_OK, EXIT_USAGE, exitCodeOf } from './output/failure.ts'
import { openProcessTerminal } from './output/process-terminal.ts'
import { noteFailure, type Terminal } from './output/terminal.ts'
import { buildProgram } from './program.ts'
import { Session } from './session.ts'

/** Runs one command line to its end and answers its exit code. */
export async function run(
  commandLine: string[],
  terminal: Terminal,
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  const session = new Session(terminal, environment)
  try {
    await buildProgram(session).parseAsync(commandLine, { from: 'user' })
    return session.exitCode
  } catch (error) {
    // Commander has said already what it does not like.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    session.forgetAsides()
    noteFailure(terminal, error, session.isVerbose)
    return exitCodeOf(error)
  }
}

/** The process `tidemark`. */
export async function main(commandLine: string[]): Promise<void> {
  const exitCode = await run(commandLine, openProcessTerminal(), process.env)
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  // Not left to Node: standard input may still be open, and would keep the process alive.
  process.exit(exitCode)
}

/** Some systems write to pipes in the background. A reader that went away counts as flushed. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => stream.write('', () => resolve()))
}
