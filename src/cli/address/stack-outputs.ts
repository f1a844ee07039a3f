import { readFileSync } from 'node:fs'
import { UsageError } from '../output/failure.ts'

/** What a deployed stack tells about itself. */
export interface StackOutputs {
  apiUrl?: string
  table?: string
  bucket?: string
  region?: string
}

/** The stack's names for them. */
const OUTPUT_NAMES = { apiUrl: 'ApiUrl', table: 'TableName', bucket: 'BucketName', region: 'Region' } as const

/**
 * Reads the file that `cdk deploy --outputs-file` has written: `{ "<stack>": { "ApiUrl": …, "TableName": … } }`.
 * @throws UsageError where it cannot be read, or does not hold the outputs of exactly one Tidemark stack
 */
export function readStackOutputs(file: string): StackOutputs {
  return parseStackOutputs(readText(file), file)
}

export function parseStackOutputs(text: string, file: string): StackOutputs {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${file} is not JSON (${(error as Error).message}): ${HOW_TO_MAKE}`)
  }
  const stacks = Object.entries(isObject(json) ? json : {}).flatMap(([name, outputs]) => {
    const found = isObject(outputs) ? pick(outputs) : {}
    return found.apiUrl === undefined && found.table === undefined ? [] : [{ name, found }]
  })
  const [stack, another] = stacks
  if (!stack) throw new UsageError(`${file} holds no outputs of a Tidemark stack: ${HOW_TO_MAKE}`)
  if (another) {
    throw new UsageError(
      `${file} holds several stacks, ${stacks.map(({ name }) => name).join(' and ')}: give --broker, or --aws with ` +
        '--table and --bucket',
    )
  }
  return stack.found
}

const HOW_TO_MAKE = '`cdk deploy --outputs-file FILE` writes what is meant'

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--outputs: ${(error as Error).message}`)
  }
}

function pick(outputs: Record<string, unknown>): StackOutputs {
  const found: StackOutputs = {}
  for (const [key, name] of Object.entries(OUTPUT_NAMES) as [keyof StackOutputs, string][]) {
    const value = outputs[name]
    if (typeof value === 'string') found[key] = value
  }
  return found
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
