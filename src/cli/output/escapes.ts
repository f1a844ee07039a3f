import { UsageError } from './failure.ts'

const NAMED: Record<string, number> = {
  n: 10,
  t: 9,
  r: 13,
  '0': 0,
  '\\': 92,
  a: 7,
  b: 8,
  f: 12,
  v: 11,
  e: 27,
}

/**
 * The bytes that `text` stands for: \n \t \r \0 \\ and \xHH as in kcat, so that a separator which a shell
 * cannot pass easily can be written.
 */
export function resolveEscapes(text: string): Uint8Array {
  const parts: Uint8Array[] = []
  let from = 0
  for (let index = text.indexOf('\\'); index >= 0; index = text.indexOf('\\', from)) {
    parts.push(Buffer.from(text.slice(from, index)))
    const letter = text[index + 1] ?? ''
    const named = NAMED[letter]
    const hex = /^x([0-9a-fA-F]{2})/.exec(text.slice(index + 1, index + 4))
    if (hex?.[1]) {
      parts.push(Uint8Array.of(Number.parseInt(hex[1], 16)))
      from = index + 4
    } else if (named !== undefined) {
      parts.push(Uint8Array.of(named))
      from = index + 2
    } else {
      throw new UsageError(`unknown escape '\\${letter}'; there are \\n \\t \\r \\0 \\xHH and \\\\`)
    }
  }
  parts.push(Buffer.from(text.slice(from)))
  return Buffer.concat(parts)
}
