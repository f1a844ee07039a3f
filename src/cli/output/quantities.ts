const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

function formatCount(count: number): string {
  return grouped.format(count)
}

export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** In powers of a thousand, as disks and networks are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let amount = bytes
  let unit = 0
  while (amount >= 999.5 && unit < units.length - 1) {
    amount /= 1000
    unit++
  }
  return `${unit === 0 ? amount : amount.toFixed(amount < 10 ? 2 : 1)} ${units[unit]}`
}

/** What passed in a time: `1,000 records, 52.1 kB in 0.31 s (3,226 records/s, 168 kB/s)`. */
export function formatRate(records: number, bytes: number, elapsedMs: number): string {
  // A millisecond at least, or a tiny run would claim an infinite rate.
  const seconds = Math.max(elapsedMs, 1) / 1000
  const rates = `${formatCount(records / seconds)} records/s, ${formatBytes(Math.round(bytes / seconds))}/s`
  return `${plural(records, 'record')}, ${formatBytes(bytes)} in ${seconds.toFixed(2)} s (${rates})`
}
