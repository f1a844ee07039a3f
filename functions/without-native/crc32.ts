/** In place of '@node-rs/crc32' in functions, which have no native modules. */
export { crc32c } from '../../src/core/record/crc32c.ts'
