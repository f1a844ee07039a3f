/** A client's address as Java writes it, and every tool shows it. */
export function asShown(host: string): string {
  return `/${host}`
}
