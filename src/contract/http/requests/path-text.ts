/**
 * Texts of any kind as parts of a path, such as groups' ids. API Gateway decodes a path before it passes it on, and cuts
 * it off at what was an encoded question mark; function URLs and servers leave it encoded. So what means something in a
 * path has a form that nobody decodes on the way: a tilde, and two hexadecimal digits.
 */

const MEANINGFUL = /[/\\?#%~]/g
/** Behind the tilde, as a regular expression. */
export const ESCAPED_DIGITS = '2[fF]|5[cC]|3[fF]|23|25|7[eE]'
const ESCAPED = new RegExp(`~(${ESCAPED_DIGITS})`, 'g')

/** To be percent-encoded still. */
export function toPathText(text: string): string {
  return text.replaceAll(MEANINGFUL, character => `~${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** What is not escaped stays as it is: a path that nobody decodes on the way needs no more than percent-encoding. */
export function fromPathText(escaped: string): string {
  return escaped.replaceAll(ESCAPED, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}
