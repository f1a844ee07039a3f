/**
 * The version of everything that a store keeps: how its parts lie, and what they mean together. In a store of version 1 nothing
 * has settled, and nobody has heard of epochs: all of it is read as it is, and its statement is raised by the first who opens it
 * for writing, so that older programs keep away from then on. In a directory of version 3 small objects are rows of the index's
 * database at first, and in one of version 4 those of commits and flushes share files. In a store of version 5, a table's too, transactions
 * keep objects that no log names yet, and offsets that do not count yet: an older program would sweep the ones, and hand out what the others
 * are to take the place of.
 */
export const STORE_FORMAT_VERSION = 5

/** The first version whose programs all know of transactions. */
export const TRANSACTIONS_FORMAT_VERSION = 5

/** More than any statement has; one that is longer is none. */
export const STORE_FORMAT_BYTES_MAX = 4096

/** What a store says of itself, in each of its parts. */
export interface StoreFormat {
  readonly version: number
  /** 32 hexadecimal digits, by which its parts know one another. */
  readonly storeId: string
  /** When its index was made, milliseconds since 1970; null where it was there before stores said what they are. */
  readonly createdMs: number | null
}

/** What one part of a store says; without bytes it says nothing. */
export interface Statement {
  /** Where it stands, for a person. */
  readonly place: string
  readonly bytes: Uint8Array | undefined
}

/** What a store's parts say together, or why nobody should work on it, and what to do. */
export type Agreement = { readonly format: StoreFormat | undefined } | { readonly refusal: string }

const FORMAT_NAME = 'tidemark'

/** One line of JSON, so that a person who finds the file knows what it is of. */
export function encodeStoreFormat({ version, storeId, createdMs }: StoreFormat): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ format: FORMAT_NAME, version, storeId, createdMs })}\n`)
}

/**
 * Whether an index and the other parts of a store belong together. The index is the first to be given a statement: where
 * another part has one, so must the index, unless it is not the one that was there.
 */
export function agreeOnFormat(index: Statement, others: readonly Statement[]): Agreement {
  const read: { place: string; format: StoreFormat | undefined }[] = []
  for (const { place, bytes } of [index, ...others]) {
    const found = bytes && readStatement(place, bytes)
    if (found && 'refusal' in found) return found
    read.push({ place, format: found?.format })
  }
  const [own, ...rest] = read
  const stated = rest.find(({ format }) => format !== undefined)
  if (own?.format === undefined) {
    return stated === undefined ? { format: undefined } : { refusal: lostIndex(index.place, stated.place) }
  }
  const foreign = rest.find(({ format }) => format !== undefined && format.storeId !== own.format?.storeId)
  if (foreign === undefined) return { format: own.format }
  return {
    refusal:
      `${own.place} and ${foreign.place} do not belong together: one is of the store ${own.format.storeId}, the other of ` +
      `${foreign.format?.storeId}. Bring back the one that belongs to the other`,
  }
}

/** What a store of an older version says from now on; undefined where it says so already. */
export function raiseFormat(format: StoreFormat, version: number): StoreFormat | undefined {
  return format.version < version ? { ...format, version } : undefined
}

/** What to do where an index is not the one that its store had. */
export function lostIndex(indexPlace: string, otherPlace: string): string {
  return (
    `${otherPlace} is of a store whose index is not in ${indexPlace}: has an index been lost? Bring it back from a ` +
    'backup, or have "tidemark rebuild-index" make it anew; or, to begin without its records, choose another place'
  )
}

function readStatement(place: string, bytes: Uint8Array): { format: StoreFormat } | { refusal: string } {
  const { format, version, storeId, createdMs } = parseJson(bytes)
  if (format !== FORMAT_NAME || typeof version !== 'number') {
    return {
      refusal: `${place} is not of a store of Tidemark's: choose another place, or bring its own back`,
    }
  }
  if (version > STORE_FORMAT_VERSION) {
    return {
      refusal:
        `${place} is of a newer Tidemark (format ${version}, and this one knows ${STORE_FORMAT_VERSION}): use that ` +
        'version, or a later one',
    }
  }
  if (typeof storeId !== 'string' || !(createdMs === null || typeof createdMs === 'number')) {
    return { refusal: `${place} is damaged: bring it back from a backup` }
  }
  return { format: { version, storeId, createdMs } }
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
