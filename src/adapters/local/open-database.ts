import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { STORE_OPEN_MS_MAX } from '../../core/limits.ts'
import type { Access } from './directory.ts'
import { INGEST_TABLES } from './ingest-tables.ts'
import { isBusy, isNotWritable } from './local-failures.ts'
import { pauseForTurn } from './turns.ts'

/**
 * Opens the database of an index, in write-ahead mode, with each commit synced; makes it where there is none and it may be
 * made. Nothing that it does waits for another process in place, which would hold up everything else in this one: whoever
 * finds it busy is told so.
 */
export async function openDatabase(path: string, access: Access): Promise<DatabaseSync> {
  const untilMs = performance.now() + STORE_OPEN_MS_MAX
  for (;;) {
    try {
      return openNow(path, access)
    } catch (error) {
      if (!isBusy(error) || performance.now() >= untilMs) throw error
    }
    await pauseForTurn()
  }
}

function openNow(path: string, access: Access): DatabaseSync {
  // SQLite makes a file that is missing.
  if (access !== 'create') statSync(path)
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    if (access === 'read') {
      database.exec('SELECT 1 FROM items LIMIT 1')
      return database
    }
    // FULL: a commit returns when it is on the disk, and nobody reads it before. Whoever commits what need not be says so first.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    database.exec(
      'CREATE TABLE IF NOT EXISTS items (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID',
    )
    for (const table of INGEST_TABLES) database.exec(table)
    return database
  } catch (error) {
    database.close()
    // SQLite does not say why it cannot: the file system does.
    if (access !== 'read' && isNotWritable(error)) {
      for (const place of [path, dirname(path)]) accessSync(place, constants.R_OK | constants.W_OK)
    }
    // Where nothing can be written, SQLite cannot make the files that it reads with; it needs none where all is in the first.
    if (access !== 'read' || !isNotWritable(error) || existsSync(`${path}-wal`)) throw error
    return new DatabaseSync(new URL(`${pathToFileURL(path)}?immutable=1`), { readOnly: true })
  }
}
