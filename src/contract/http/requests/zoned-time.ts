const ZONED_TIME =
  /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/** Whether a text is a time of ISO 8601 with its zone, of a day that there is. */
export function isZonedTime(text: string): boolean {
  const day = ZONED_TIME.exec(text)?.[1]
  if (day === undefined) return false
  const midnight = new Date(`${day}T00:00:00Z`)
  // February 30th would be taken for a day in March.
  return !Number.isNaN(midnight.valueOf()) && midnight.toISOString().startsWith(day)
}
