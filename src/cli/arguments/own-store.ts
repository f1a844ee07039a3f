import type { Embedded } from '../../embedded/embedded.ts'
import { type AddressOptions, chooseAddress, type StoreAccess } from '../address/broker-address.ts'
import { UsageError } from '../output/failure.ts'
import type { Session } from '../session.ts'

/** A store that a command works on itself, and how a person names it. */
export interface OwnStore {
  readonly store: Embedded
  /** The options that name it, as they were given, for a command line that goes on with it. */
  readonly words: string
}

/**
 * Runs a command on a store that this process opens, and keeps its exit code: what no broker can be asked for.
 * @param what what the command does to the store, for those who name a broker: `verify reads`
 */
export async function onOwnStore(
  session: Session,
  options: AddressOptions,
  { what, access }: { what: string; access: StoreAccess },
  run: (own: OwnStore) => Promise<number>,
): Promise<void> {
  const address = chooseAddress(options, session.environment)
  if ('url' in address) {
    throw new UsageError(
      `${what} the store itself, which a broker behind HTTP does not offer: name its directory with --dir, or its ` +
        'table and bucket with --aws',
    )
  }
  const { openStore } = await import('../address/connect.ts')
  const store = await openStore(address, access, error => session.reportAside(error), true)
  try {
    session.exitCode = await run({ store, words: addressWords(options) })
  } finally {
    await store.close()
  }
}

/** What stands in variables stays there. */
function addressWords({ aws, ...options }: AddressOptions): string {
  const named = (['dir', 'table', 'bucket', 'endpoint', 'outputs', 'region'] as const).flatMap(name => {
    const value = options[name]
    return value === undefined ? [] : [`--${name} ${quoted(value)}`]
  })
  return [...(aws ? ['--aws'] : []), ...named].join(' ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
