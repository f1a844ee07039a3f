// Prints which steps of .ci/run failed, and of their tests the names and the first line of each error: a log is read from its end.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { stripVTControlCharacters as plain } from 'node:util'

/** What is shown of a step that failed without a test that did. */
const LAST_LINES = 40
const TESTS_MAX = 100

const folder = process.argv[2]
const numberOf = file => Number(file.split('.')[0])
const firstLine = text =>
  plain(text)
    .split('\n')
    .find(line => line.trim() !== '')
    ?.trim() ?? ''

const steps = readdirSync(folder)
  .filter(name => name.endsWith('.code'))
  .toSorted((one, other) => numberOf(one) - numberOf(other))
for (const file of steps) {
  const [, code, name] = /^(\d+) (.*)/.exec(readFileSync(join(folder, file), 'utf8'))
  if (code === '0') continue
  console.log(`\nFAILED: ${name} (exit code ${code})`)
  const number = numberOf(file)
  const results = join(folder, `${number}.json`)
  const suites = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')).testResults : []
  const failures = []
  for (const { name: path, status, message, assertionResults } of suites) {
    const place = relative(process.cwd(), path)
    const failed = assertionResults.filter(each => each.status === 'failed')
    for (const { ancestorTitles, title, failureMessages } of failed) {
      failures.push([`${place} > ${[...ancestorTitles, title].join(' > ')}`, failureMessages[0] ?? ''])
    }
    // One that could not even be loaded, or whose hooks failed.
    if (status === 'failed' && failed.length === 0) failures.push([place, message])
  }
  for (const [where, message] of failures.slice(0, TESTS_MAX))
    console.log(`  ${where}\n    ${firstLine(message)}`)
  if (failures.length > TESTS_MAX) console.log(`  and ${failures.length - TESTS_MAX} more`)
  if (failures.length === 0) {
    const lines = plain(readFileSync(join(folder, `${number}.log`), 'utf8'))
      .trimEnd()
      .split('\n')
    console.log(
      lines
        .slice(-LAST_LINES)
        .map(line => `  ${line}`)
        .join('\n'),
    )
  }
}
