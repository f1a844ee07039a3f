import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FORMAT_OBJECT } from '../../core/storage-layout.ts'
import { agreeOnFormat, lostIndex } from '../../core/store-format.ts'
import { StoreFailed } from '../../ports/outcome.ts'

/** How a store is opened: only to be read; to be written, too; made where there is none; or with an index that is lost, to make it anew. */
export type Access = 'read' | 'write' | 'create' | 'rebuild'

/** Where a store's parts lie in its directory. */
export function partsOf(directory: string) {
  const index = join(directory, 'index')
  return {
    format: join(directory, FORMAT_OBJECT),
    objects: join(directory, 'objects'),
    index,
    database: join(index, 'index.sqlite'),
  }
}

/** What a file system puts into the root of a new disk, and people into any folder. */
const NOBODYS = /^(\.|lost\+found$)/

/**
 * Looks whether a directory is a store, or may become one, before anything in it is touched. Tells whether it is new.
 * @throws StoreFailed where it is something else, or is not whole
 */
export async function lookAtDirectory(directory: string, access: Access): Promise<{ isNew: boolean }> {
  const parts = partsOf(directory)
  const names = await readdir(directory).catch(ignoreMissing)
  const ours = ['format.json', 'index', 'objects'].filter(name => names?.includes(name))
  if (ours.length === 0) {
    const others = names?.filter(name => !NOBODYS.test(name)) ?? []
    if (others.length > 0) throw new StoreFailed(noStore(directory, others))
    if (access !== 'create') {
      const what = names === undefined ? 'there is no such directory' : 'it is empty'
      throw new StoreFailed(`there is no store in ${directory}: ${what}. Name the directory of one`)
    }
    return { isNew: true }
  }
  // The index last: another process that makes the store makes it first.
  const statement = { place: parts.format, bytes: await readFile(parts.format).catch(ignoreMissing) }
  const agreement = agreeOnFormat(statement, [])
  if ('refusal' in agreement) throw new StoreFailed(agreement.refusal)
  const other = agreement.format ? parts.format : await findSegment(parts.objects)
  const database = await stat(parts.database).catch(ignoreMissing)
  if (database?.isDirectory()) {
    throw new StoreFailed(
      `${parts.database} is a folder, where a file should be: bring the index back from a backup`,
    )
  }
  // An empty file is what SQLite begins with.
  const isThere = database !== undefined && database.size > 0
  if (access === 'rebuild' && other !== undefined) {
    if (ours.includes('objects')) return { isNew: !isThere }
    throw new StoreFailed(
      `${parts.objects} is gone, where the store keeps its records: nothing is left to make an index of`,
    )
  }
  if (!isThere && other !== undefined) throw new StoreFailed(lostIndex(parts.database, other))
  if (!isThere && access !== 'create') {
    throw new StoreFailed(
      `there is no store in ${directory}: it has no ${parts.database}. Name the directory of one`,
    )
  }
  if (isThere && !ours.includes('objects')) {
    throw new StoreFailed(
      `${parts.objects} is gone, where the store keeps its records: bring it back from a backup`,
    )
  }
  return { isNew: !isThere }
}

function noStore(directory: string, others: readonly string[]): string {
  const some = others.slice(0, 3).join(', ')
  return (
    `${directory} is no store of Tidemark's: it holds other things (${some}${others.length > 3 ? ', …' : ''}). Choose ` +
    'an empty directory, or a new one'
  )
}

/** The path of some segment, or of the folder's statement. */
async function findSegment(objects: string): Promise<string | undefined> {
  if (await stat(join(objects, FORMAT_OBJECT)).catch(ignoreMissing)) return join(objects, FORMAT_OBJECT)
  for (const folder of (await readdir(join(objects, 'segments')).catch(ignoreMissing)) ?? []) {
    const path = join(objects, 'segments', folder)
    const [name] = (await readdir(path).catch(ignoreMissing)) ?? []
    if (name !== undefined) return join(path, name)
  }
  return undefined
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
