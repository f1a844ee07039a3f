import { crc32 } from 'node:zlib'

/** A ZIP file with one file in it, not compressed: what CreateFunction takes. */
export function zipOf(name: string, content: string): Uint8Array {
  const file = Buffer.from(content)
  const title = Buffer.from(name)
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt32LE(crc32(file), 10)
  common.writeUInt32LE(file.length, 14)
  common.writeUInt32LE(file.length, 18)
  common.writeUInt16LE(title.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, title, file])
  const madeBy = Buffer.from([20, 0])
  const central = Buffer.concat([Buffer.from('PK\x01\x02'), madeBy, common, Buffer.alloc(14), title])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}
