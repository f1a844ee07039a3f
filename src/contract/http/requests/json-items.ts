const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const OPEN_OBJECT = 0x7b

/**
 * Whether a text in JSON has more than `itemsMax` values: every list and object counts, and every comma between two of
 * what they hold. Nothing is made of it: a few megabytes can become a hundred times their size in objects, and that in
 * one piece, during which nobody else is answered.
 */
export function hasMoreItems(text: Uint8Array, itemsMax: number): boolean {
  let items = 0
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!
    if (byte === QUOTE) at = stringEnd(text, at)
    else if (byte === COMMA || byte === OPEN_LIST || byte === OPEN_OBJECT) {
      items++
      if (items > itemsMax) return true
    }
  }
  return false
}

/** Where the string that begins at `start` has its last quote; the text's end where it has none. */
function stringEnd(text: Uint8Array, start: number): number {
  for (let end = start; ; ) {
    end = text.indexOf(QUOTE, end + 1)
    if (end < 0) return text.length
    let backslashes = 0
    while (text[end - 1 - backslashes] === BACKSLASH) backslashes++
    // An even number of them escape one another, and not the quote.
    if (backslashes % 2 === 0) return end
  }
}
