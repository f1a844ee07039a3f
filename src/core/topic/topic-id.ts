/** A topic's UUID, made of an id of 32 hexadecimal digits, with the bits that mark a random one (version 4). */
export function toTopicId(id: string): string {
  const variant = '89ab'[Number.parseInt(id[16]!, 16) & 3]
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13, 16)}-${variant}${id.slice(17, 20)}-${id.slice(20, 32)}`
}
