import { CommandFailure, InterruptedError } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** A terminal that can be told not to show what is typed. */
interface Typing extends AsyncIterable<Uint8Array> {
  readonly isTTY?: boolean
  setRawMode?(isRaw: boolean): void
}

/**
 * A password: asked for twice where somebody types, and not shown; else the first line of what comes. Never an argument, which
 * everybody on the machine could read.
 */
export async function askPassword(terminal: Terminal, name: string): Promise<string> {
  const typing = terminal.input as Typing
  const password = typing.isTTY
    ? await askTwice(typing, terminal, name)
    : await firstLine(typing[Symbol.asyncIterator]())
  if (password === '') throw new CommandFailure('the password is empty')
  return password
}

async function askTwice(typing: Typing, { notes }: Terminal, name: string): Promise<string> {
  const keys = typing[Symbol.asyncIterator]()
  typing.setRawMode?.(true)
  try {
    notes.write(`password of ${name}: `)
    const first = await typedLine(keys)
    notes.write('\nonce more: ')
    const second = await typedLine(keys)
    notes.write('\n')
    if (first !== second) throw new CommandFailure('these are two passwords: nothing was changed')
    return first
  } finally {
    typing.setRawMode?.(false)
    // A terminal answers only when somebody types.
    void keys.return?.()
  }
}

/** What was typed up to Enter, as a terminal in raw mode tells it, where keys that delete do nothing by themselves. */
async function typedLine(keys: AsyncIterator<Uint8Array>): Promise<string> {
  const characters: string[] = []
  for (;;) {
    const { value, done } = await keys.next()
    if (done) return characters.join('')
    for (const character of Buffer.from(value).toString()) {
      if (character === '\r' || character === '\n' || character === '\x04') return characters.join('')
      if (character === '\x03') throw new InterruptedError('interrupted')
      if (character === '\x7f' || character === '\b') characters.pop()
      else if (character >= ' ') characters.push(character)
    }
  }
}

async function firstLine(pieces: AsyncIterator<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for (;;) {
    const { value, done } = await pieces.next()
    if (!done) parts.push(value)
    const text = Buffer.concat(parts).toString()
    const end = text.search(/\r?\n/)
    if (end >= 0) return text.slice(0, end)
    if (done) return text
  }
}
