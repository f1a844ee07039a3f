/** Writes the list of KafkaJS's surface into docs/from-kafkajs.md: `node test/client/kafkajs/surface/page.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { type ExportedName, type Member, readDeclarations } from './declarations.ts'
import { type Fate, fateOf } from './fates.ts'

const PLACE = new URL('../../../../docs/from-kafkajs.md', import.meta.url)
const BEGIN = '<!-- the surface: written by test/client/kafkajs/surface/page.ts -->\n'
const END = '<!-- end of the surface -->\n'

const WORDS: Readonly<Record<Fate, string>> = {
  otherwise: 'otherwise',
  'without effect': 'accepted, without effect',
  refused: 'refused',
  absent: 'absent',
}

export interface Counts {
  all: number
  asThere: number
  otherwise: number
  withoutEffect: number
  refused: number
  absent: number
}

export function countSurface(members: readonly Member[]): Counts {
  const count = (fate: Fate | undefined) => members.filter(({ name }) => fateOf(name)?.fate === fate).length
  return {
    all: members.length,
    asThere: count(undefined),
    otherwise: count('otherwise'),
    withoutEffect: count('without effect'),
    refused: count('refused'),
    absent: count('absent'),
  }
}

/** The section as it is to be. */
export function renderSurface(): string {
  const { names, members } = readDeclarations()
  const { all, asThere, otherwise, withoutEffect, refused, absent } = countSurface(members)
  const summary = `${names.length} names with ${all} members in all: ${asThere} as there, ${otherwise} otherwise, ${withoutEffect} accepted without effect, ${refused} refused, ${absent} absent.`
  const rows = names.map(each => rowOf(each, members)).join('\n')
  return `${summary}\n\n| KafkaJS | as there | not as there |\n|---|---|---|\n${rows}\n`
}

/** The page as it is, the section of which is `section`. */
export function readPage(): { text: string; section: string } {
  const text = readFileSync(PLACE, 'utf8')
  return { text, section: text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)) }
}

function rowOf({ name }: ExportedName, all: readonly Member[]): string {
  const whole = fateOf(name)
  const shortOf = (member: Member) => member.name.slice(name.length).replace(/^\./, '')
  const members = all.filter(({ of, name: own }) => of === name && own !== name)
  const isAs = (member: Member) => {
    const fate = fateOf(member.name)
    return fate === undefined || fate === whole
  }
  const others = new Map<string, string[]>()
  for (const member of members.filter(each => !isAs(each))) {
    const { fate, why } = fateOf(member.name)!
    const said = `${WORDS[fate]}: ${why}`
    others.set(said, [...(others.get(said) ?? []), `\`${shortOf(member)}\``])
  }
  const said = [...others].map(([what, of]) => `${of.join(', ')}: ${what}`)
  if (whole) return `| \`${name}\` | | ${[`${WORDS[whole.fate]}: ${whole.why}`, ...said].join('<br>')} |`
  const as = members.filter(isAs).map(member => `\`${shortOf(member)}\``)
  return `| \`${name}\` | ${as.length > 0 ? as.join(', ') : 'yes'} | ${said.join('<br>')} |`
}

if (import.meta.main) {
  const { text, section } = readPage()
  writeFileSync(
    PLACE,
    text.replace(`${BEGIN}${section}`, () => `${BEGIN}${renderSurface()}`),
  )
}
