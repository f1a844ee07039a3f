/**
 * A regular expression of the texts that `toWholeNumber` takes for the bounds, since JSON Schema has none for texts.
 * @param min from -9 on; above 0 it must have fewer digits than `max`
 */
export function digitsPattern(min: number, max: number): string {
  const digits = String(max)
  // Of the same length are those that have a smaller digit where they first differ.
  const below = differingDigits(digits, (digit, place) => [place === 0 ? 1 : 0, digit - 1])
  const least = min > 0 ? String(min) : ''
  const above = differingDigits(least, digit => [digit + 1, 9])
  const inBetween = `{${least.length},${digits.length - 2}}`
  const shorter = digits.length - 2 >= least.length ? [`[1-9]\\d${inBetween}`] : []
  const numbers = [...(min > 0 ? [...above, least] : []), ...shorter, ...below, digits]
  const negative = min < 0 ? [`-0*[1-${-min}]`] : []
  const zero = min > 0 ? [] : ['-?0+']
  return `^(?:${[...zero, ...negative, `0*(?:${numbers.join('|')})`].join('|')})$`
}

/** For each place: the same digits before it, one within `within` there, and any behind. */
function differingDigits(
  digits: string,
  within: (digit: number, place: number) => [number, number],
): string[] {
  return [...digits].flatMap((digit, place) => {
    const [from, to] = within(Number(digit), place)
    const rest = digits.length - place - 1
    const others = rest === 0 ? '' : `\\d{${rest}}`
    return from <= to ? [`${digits.slice(0, place)}[${from}-${to}]${others}`] : []
  })
}
