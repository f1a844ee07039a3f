import { inspect } from 'node:util'
import { TidemarkError } from '../../core/errors.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../ports/outcome.ts'

export const EXIT_OK = 0
export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2
/** What a shell reports for a command that Ctrl-C ended. */
export const EXIT_INTERRUPTED = 130

/** The command line asks for something that makes no sense; the message says what would. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What was attempted failed, for a reason that is not the broker's; the message says it all. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
}

/** The user does not want to wait for the end. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

export function noSuchPartition(topic: string, partition: number, partitions: number): CommandFailure {
  return new CommandFailure(
    `topic ${topic} has no partition ${partition}: it has ${partitions}, numbered from 0`,
  )
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) return EXIT_INTERRUPTED
  return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE
}

/** The lines that tell the user about `error`; with where it arose, if somebody wants to know. */
export function describeFailure(error: unknown, isVerbose = false): string[] {
  const lines = linesOf(error, isVerbose)
  return isVerbose ? [...lines, ...stackOf(error)] : lines
}

/** The same in one line, for what happens beside what was asked for. */
export function describeAside(what: string, error: unknown, isVerbose: boolean): string {
  if (typeof error === 'string') return `${what}: ${error}`
  const [told] = error instanceof Error ? [error.message] : [String(error)]
  const name =
    error instanceof TidemarkError ? error.kafkaName : error instanceof Error ? error.name : 'Error'
  return [`${what}: ${name}: ${told}`, ...(isVerbose ? stackOf(error) : [])].join('\n')
}

function linesOf(error: unknown, isVerbose: boolean): string[] {
  if (error instanceof TidemarkError) {
    return [`tidemark: ${error.kafkaName}: ${error.message}`, ...advice(error)]
  }
  if (
    error instanceof UsageError ||
    error instanceof CommandFailure ||
    error instanceof InterruptedError ||
    // From `verify`, which reads the store without a broker in between.
    error instanceof StoreFailed ||
    error instanceof NotApplied ||
    error instanceof OutcomeUnknown ||
    isSystemError(error)
  ) {
    return [`tidemark: ${error.message}`]
  }
  // Anything else is a bug of ours, and its stack is what a report needs.
  const hint = isVerbose ? '' : ' (--verbose tells where, for a report)'
  return [`tidemark: unexpected failure: ${String(error)}${hint}`]
}

/** Where an error arose, and the errors behind it. */
function stackOf(error: unknown): string[] {
  return error instanceof Error ? [inspect(error)] : []
}

function advice(error: TidemarkError): string[] {
  const lines: string[] = []
  if (error.kafkaName === 'NETWORK_EXCEPTION' || error.kafkaName === 'BROKER_NOT_AVAILABLE') {
    lines.push('  --broker URL names another broker; --dir DIR or --aws opens a store without one.')
  }
  if (error.kafkaName === 'SASL_AUTHENTICATION_FAILED') {
    lines.push('  Give the token with --token or TIDEMARK_TOKEN.')
  }
  if (error.written === 'unknown')
    lines.push('  written: unknown. It may have taken effect: look before trying again.')
  if (error.written === 'yes') lines.push('  written: yes. It did take effect: do not send it again.')
  return lines
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error
}
