/**
 * Header names are short and nearly always ASCII: these do that by hand, which is several times faster
 * than a call out of JavaScript, and leave the rest to the platform.
 */
const encoder = new TextEncoder()
// A name may begin with a byte order mark; it belongs to the name.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const HAND_BYTES_MAX = 64

/** How many bytes `text` takes; a lone surrogate becomes U+FFFD, as everywhere in UTF-8. */
export function utf8SizeBytes(text: string): number {
  let size = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    size += unit < 0x800 ? 1 : 2
    if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text, at + 1)) at++
  }
  return size
}

/** Writes `text`, which takes `sizeBytes`, at `position`. */
export function writeUtf8(bytes: Uint8Array, position: number, text: string, sizeBytes: number): void {
  if (sizeBytes !== text.length || sizeBytes > HAND_BYTES_MAX) {
    encoder.encodeInto(text, bytes.subarray(position, position + sizeBytes))
    return
  }
  for (let at = 0; at < sizeBytes; at++) bytes[position + at] = text.charCodeAt(at)
}

/** The text from `start` to before `end`; what is not UTF-8 becomes U+FFFD, as in Kafka. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= HAND_BYTES_MAX) {
    let text = ''
    let position = start
    for (; position < end; position++) {
      const byte = bytes[position]!
      if (byte >= 0x80) break
      text += String.fromCharCode(byte)
    }
    if (position === end) return text
  }
  return decoder.decode(bytes.subarray(start, end))
}

function isLowSurrogate(text: string, at: number): boolean {
  // NaN after the text's end, which is neither above nor below.
  const unit = text.charCodeAt(at)
  return unit >= 0xdc00 && unit < 0xe000
}
