export type Cell = string | number

/** Columns aligned as `kubectl` does it: numbers to the right, no lines between, nothing after the last. */
export function formatTable(titles: string[], rows: Cell[][]): string {
  const numeric = titles.map(
    (_, column) => rows.length > 0 && rows.every(row => typeof row[column] === 'number'),
  )
  const texts = [titles, ...rows.map(row => row.map(String))]
  const widths = titles.map((_, column) => Math.max(...texts.map(row => row[column]?.length ?? 0)))
  const format = (row: string[]) =>
    row
      .map((text, column) => {
        const width = widths[column] ?? 0
        return numeric[column] ? text.padStart(width) : text.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return texts.map(row => `${format(row)}\n`).join('')
}
