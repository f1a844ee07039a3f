import { EXIT_OK } from './failure.ts'
import { type Cell, formatTable } from './table.ts'
import { note, type Terminal, write } from './terminal.ts'

export interface JsonSettings {
  json?: boolean | undefined
}

/** How a list looks that is not printed as JSON. */
interface Listing<Item> {
  titles: string[]
  row: (item: Item) => Cell[]
  /** Noted in place of a table without rows. */
  none?: string
}

/** Prints a list as JSON or as a table. Answers the exit code. */
export async function printList<Item>(
  items: readonly Item[],
  { titles, row, none }: Listing<Item>,
  { json }: JsonSettings,
  terminal: Terminal,
): Promise<number> {
  if (json) await write(terminal, formatJson(items))
  else if (items.length === 0 && none !== undefined) note(terminal, none)
  else await write(terminal, formatTable(titles, items.map(row)))
  return EXIT_OK
}

/** One line of several that tell of different things, with the kind of it first. */
export function jsonLine(kind: string, told: object): string {
  return `${JSON.stringify({ kind, ...told })}\n`
}

export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
