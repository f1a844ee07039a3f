import { unsupported } from './unsupported.ts'

/** In place of 'snappy' in functions, which have no native modules. */
export function compressSync(): never {
  throw unsupported('snappy')
}

export function uncompressSync(): never {
  throw unsupported('snappy')
}
