import { resolveEscapes } from '../output/escapes.ts'
import { UsageError } from '../output/failure.ts'
import type { ConsumedRecord, FormatRecord } from './consumed-record.ts'

type Token = (consumed: ConsumedRecord) => Uint8Array

const NOTHING = new Uint8Array(0)

/** kcat's tokens, with kcat's meanings; null prints as nothing and has length -1. */
const TOKENS: Record<string, Token> = {
  '%': () => Buffer.from('%'),
  t: ({ topic }) => Buffer.from(topic),
  p: ({ partition }) => Buffer.from(String(partition)),
  o: ({ record }) => Buffer.from(String(record.offset)),
  T: ({ record }) => Buffer.from(String(record.timestampMs)),
  k: ({ record }) => record.key ?? NOTHING,
  s: ({ record }) => record.value ?? NOTHING,
  K: ({ record }) => Buffer.from(String(record.key?.length ?? -1)),
  S: ({ record }) => Buffer.from(String(record.value?.length ?? -1)),
  R: ({ record }) => bigEndianLength(record.value),
  h: ({ record }) => formatHeaders(record.headers),
}

/** Compiles a format such as `%o %k=%s\n`. */
export function compileFormat(template: string): FormatRecord {
  const tokens: Token[] = []
  let from = 0
  for (let at = template.indexOf('%'); at >= 0; at = template.indexOf('%', from)) {
    if (at > from) tokens.push(literal(template.slice(from, at)))
    const letter = template[at + 1] ?? ''
    const token = TOKENS[letter]
    if (!token) {
      throw new UsageError(
        `unknown token '%${letter}'; there are ${Object.keys(TOKENS)
          .map(name => `%${name}`)
          .join(' ')}`,
      )
    }
    tokens.push(token)
    from = at + 2
  }
  if (from < template.length) tokens.push(literal(template.slice(from)))
  return consumed => tokens.map(token => token(consumed))
}

function literal(text: string): Token {
  const bytes = resolveEscapes(text)
  return () => bytes
}

function formatHeaders(headers: ConsumedRecord['record']['headers']): Uint8Array {
  return Buffer.concat(
    headers.flatMap(({ key, value }, index) => [
      Buffer.from(`${index === 0 ? '' : ','}${key}=`),
      value ?? Buffer.from('NULL'),
    ]),
  )
}

/** %R: the value's length as 32 bits, so that a program can cut binary values apart. */
function bigEndianLength(value: Uint8Array | null): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value?.length ?? -1)
  return bytes
}
