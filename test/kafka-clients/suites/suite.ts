/** One case of a foreign suite, by its name. */
export interface Outcome {
  readonly name: string
  readonly state: 'passed' | 'failed' | 'skipped'
  readonly why?: string
}

/** What is known to fail, or says nothing about a broker of ours, by the case's name, with the reason. */
export type Known = Readonly<Record<string, string>>

/** Prints what a suite did, and answers whether every case that applies has passed. */
export function report(outcomes: readonly Outcome[], known: Known): boolean {
  const passed = outcomes.filter(({ state }) => state === 'passed')
  const failed = outcomes.filter(({ state }) => state === 'failed')
  const unknown = failed.filter(({ name }) => known[name] === undefined)
  for (const { name, state, why } of outcomes) {
    if (state === 'failed') console.log(`failed   ${name}: ${known[name] ?? `NOT KNOWN: ${why ?? ''}`}`)
    if (state === 'skipped') console.log(`skipped  ${name}: ${known[name] ?? 'by the suite itself'}`)
  }
  const healed = passed.filter(({ name }) => known[name] !== undefined)
  for (const { name } of healed) console.log(`passes, though it is listed: ${name}`)
  const share = (passed.length / (passed.length + unknown.length)) * 100
  console.log(
    `${passed.length} passed, ${failed.length} failed, of which ${unknown.length} for no known reason (${share.toFixed(1)} % of those that apply)`,
  )
  return unknown.length === 0
}
