/**
 * A regular expression of the texts that `toWholeNumber` takes for the bounds, since JSON Schema has none for texts.
 * @param min from -9 on
 */
export function digitsPattern(min: number, max: number): string {
  const digits = String(max)
  // Of the same length are those that have a smaller digit where they first differ.
  const below = [...digits].flatMap((digit, place) => {
    const least = place === 0 ? 1 : 0
    const rest = digits.length - place - 1
    const others = rest === 0 ? '' : `\\d{${rest}}`
    return Number(digit) > least ? [`${digits.slice(0, place)}[${least}-${Number(digit) - 1}]${others}`] : []
  })
  const shorter = digits.length > 1 ? [`[1-9]\\d{0,${digits.length - 2}}`] : []
  const negative = min < 0 ? [`-0*[1-${-min}]`] : []
  return `^(?:${['-?0+', ...negative, `0*(?:${[...shorter, ...below, digits].join('|')})`].join('|')})$`
}
