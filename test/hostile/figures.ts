/** One thing that was measured in an attack, and what it may be. */
export interface Figure {
  /** Such as `peak memory, 400 readers`. */
  readonly what: string
  readonly value: number
  /** Such as `MB`, `ms`, `%`; empty for a number of things. */
  readonly unit: string
  /** The bounds that it must keep; without one it is told for information. */
  readonly atMost?: number
  readonly atLeast?: number
  /** It goes by how fast the machine is: the program shows it, and no test goes by it. */
  readonly isTimed?: boolean
}

/** What an attack tells its figures to. */
export type Report = (figure: Figure) => void

export function isKept({ value, atMost, atLeast }: Figure): boolean {
  if (Number.isNaN(value)) return false
  return value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY)
}

/** One line of the program's table: attack, figure, bound, and whether it is kept. */
export function tableRow(attack: string, figure: Figure): string {
  const { what, unit, atMost, atLeast } = figure
  const bounds = [
    ...(atLeast === undefined ? [] : [`≥ ${quantity(atLeast, unit)}`]),
    ...(atMost === undefined ? [] : [`≤ ${quantity(atMost, unit)}`]),
  ].join(', ')
  const verdict = bounds === '' ? '' : isKept(figure) ? 'ok' : 'NOT OK'
  const cells = [attack.padEnd(18), what.padEnd(52), quantity(figure.value, unit).padStart(11), bounds]
  return `${cells.join('  ').padEnd(103)}  ${verdict}`.trimEnd()
}

function quantity(value: number, unit: string): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 1
  return `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`
}
