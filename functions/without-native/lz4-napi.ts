import { unsupported } from './unsupported.ts'

/** In place of 'lz4-napi' in functions, which have no native modules. */
export function compressFrameSync(): never {
  throw unsupported('lz4')
}

export function decompressFrameSync(): never {
  throw unsupported('lz4')
}
