import { TidemarkError } from '../../core/errors.ts'

/** Of the things that one call named, those that it failed at. Everything else that it named is done. */
export class NamedFailures extends TidemarkError {
  readonly failures: readonly { name: string; error: TidemarkError }[]
  /** Those that it did, in the order in which they were named. */
  readonly done: readonly string[]

  constructor(failures: readonly [NamedFailure, ...NamedFailure[]], done: readonly string[]) {
    const [{ error }] = failures
    super(error.kafkaName, messageOf(failures, done), writtenOf(failures), { cause: error })
    this.failures = failures
    this.done = done
  }
}

interface NamedFailure {
  name: string
  error: TidemarkError
}

/**
 * Tries all of them, one after the other, whatever becomes of those before.
 * @throws NamedFailures when some failed; what is no TidemarkError at once
 */
export async function eachNamed<Each>(
  all: readonly Each[],
  nameOf: (each: Each) => string,
  action: (each: Each) => Promise<unknown>,
): Promise<void> {
  const failures: NamedFailure[] = []
  const done: string[] = []
  for (const each of all) {
    const name = nameOf(each)
    try {
      await action(each)
      done.push(name)
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      failures.push({ name, error })
    }
  }
  const [first, ...others] = failures
  if (first) throw new NamedFailures([first, ...others], done)
}

function messageOf(failures: readonly NamedFailure[], done: readonly string[]): string {
  const all = failures.length + done.length
  if (all === 1) return failures[0]!.error.message
  const each = failures.map(({ name, error }) => `${name}: ${error.message}`).join(' ')
  const others = done.length === 0 ? '' : ` Done: ${done.join(', ')}.`
  return `${failures.length} of ${all} failed. ${each}${others}`
}

function writtenOf(failures: readonly NamedFailure[]): TidemarkError['written'] {
  return failures.every(({ error }) => error.written === 'no') ? 'no' : 'unknown'
}
