import { UsageError } from '../output/failure.ts'

/** Splits `name=value`; the value may be empty and may hold further signs of equality. */
export function parseNameValue(text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`'${text}' is not NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}
