import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Items } from '../../../src/adapters/items/items.ts'
import { Footing } from '../../../src/adapters/local/footing.ts'
import { SqliteItems } from '../../../src/adapters/local/sqlite-items.ts'
import { MemoryItems } from '../../../src/adapters/memory/memory-items.ts'

/** Items that are empty, and what puts an end to them. */
export interface OpenItems {
  readonly items: Items
  close(): Promise<void>
}

async function openSqlite(): Promise<OpenItems> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-items-'))
  const items = await SqliteItems.open(join(directory, 'index.sqlite'), new Footing(directory), 'create')
  const close = async () => {
    await items.close()
    await rm(directory, { recursive: true })
  }
  return { items, close }
}

/** Every body that items have, by its name. */
export const BODIES: readonly { readonly name: string; readonly open: () => Promise<OpenItems> }[] = [
  { name: 'memory', open: async () => ({ items: new MemoryItems(), close: async () => {} }) },
  { name: 'SQLite', open: openSqlite },
]
