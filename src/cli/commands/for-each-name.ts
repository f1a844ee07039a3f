import { EXIT_FAILURE, EXIT_OK } from '../output/failure.ts'
import { noteFailure, type Terminal } from '../output/terminal.ts'

/** Does something for each name, those after one that failed too; every failure is told. Answers the exit code. */
export async function forEachName(
  names: readonly string[],
  action: (name: string) => Promise<void>,
  terminal: Terminal,
): Promise<number> {
  let exitCode = EXIT_OK
  for (const name of names) {
    try {
      await action(name)
    } catch (error) {
      noteFailure(terminal, error)
      exitCode = EXIT_FAILURE
    }
  }
  return exitCode
}
