import { InvalidArgumentError } from 'commander'
import { toWholeNumber, wholeNumberWords } from '../../core/numbers.ts'
import type { PartitionPlace } from '../../embedded/running-broker.ts'
import { UsageError } from '../output/failure.ts'

export interface JsonOptions {
  json?: boolean
}

/** For commander's `option`. */
export const PRINT_JSON = ['-J, --json', 'print JSON'] as const

/** Lets commander say which option a UsageError is about. */
export function argument<T>(parse: (text: string) => T): (text: string) => T {
  return text => {
    try {
      return parse(text)
    } catch (error) {
      if (error instanceof UsageError) throw new InvalidArgumentError(`\n  ${error.message}`)
      throw error
    }
  }
}

/** The same for an option that can be given several times. */
export function repeated<T>(parse: (text: string) => T): (text: string, previous: T[] | undefined) => T[] {
  const parseOne = argument(parse)
  return (text, previous) => [...(previous ?? []), parseOne(text)]
}

/** A whole number from `min` on. */
export function wholeNumber(min: number): (text: string) => number {
  return argument(text => parseWholeNumber(text, min))
}

export function parseWholeNumber(text: string, min: number): number {
  const value = toWholeNumber(text, { min })
  if (value !== undefined) return value
  throw new UsageError(`'${text}' is not ${wholeNumberWords({ min })}`)
}

/** A partition as people name it: `topic/partition`. */
export function parsePlace(text: string): PartitionPlace {
  const [, topic, partition] = /^([^/]+)\/(\d+)$/.exec(text) ?? []
  if (topic !== undefined && partition !== undefined) return { topic, partition: Number(partition) }
  throw new UsageError(`'${text}' is no partition: give a topic and a number, such as tides/3`)
}

/** Help text with commands to try; `$` is left to the shell's prompt. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map(line => `  $ ${line}`).join('\n')}`
}
