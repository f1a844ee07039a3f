import { statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { TidemarkError } from '../../core/errors.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import { compileFilters } from '../../core/trigger/filter.ts'
import { checkTriggerSettings } from '../../core/trigger/settings.ts'
import type { TriggerSettings } from '../../core/trigger/trigger.ts'
import { functionNameOf } from '../../embedded/triggers/handler-file.ts'
import type { FileTrigger } from '../../embedded/triggers/run-file-triggers.ts'
import { parseStartPlace } from '../consuming/start-place.ts'
import { parseDuration } from '../output/duration.ts'
import { UsageError } from '../output/failure.ts'
import { parseWholeNumber } from './argument.ts'

type Settings = Partial<TriggerSettings>

interface Option {
  /** What it is called where functions are deployed. */
  readonly alias?: string
  /** Undefined: it takes no value. */
  readonly value?: string
  readonly meaning: string
  read(value: string): Settings
}

const OPTIONS: Readonly<Record<string, Option>> = {
  'batch-size': {
    value: 'N',
    meaning: 'records in one event at most (100)',
    read: value => ({ batchSize: parseWholeNumber(value, 1) }),
  },
  window: {
    alias: 'max-batching-window',
    value: 'TIME',
    meaning: 'how long records wait for others (0s)',
    read: value => ({ maxBatchingWindowMs: parseDuration(value) }),
  },
  from: {
    alias: 'starting-position',
    value: 'PLACE',
    meaning: 'earliest, latest or a time, where the group has no offsets (earliest)',
    read: value => ({ startingPosition: parseStart(value) }),
  },
  parallelism: {
    value: 'N',
    meaning: 'partitions at the same time at most (all)',
    read: value => ({ parallelism: parseWholeNumber(value, 1) }),
  },
  timeout: {
    value: 'TIME',
    meaning: 'how long one call may take (3s)',
    read: value => ({ callTimeoutMs: parseDuration(value) }),
  },
  retries: {
    alias: 'retry-attempts',
    value: 'N',
    meaning: 'tries of a failing batch after the first (no end; with on-failure 10)',
    read: value => ({ retryAttempts: parseWholeNumber(value, 0) }),
  },
  'max-age': {
    alias: 'max-record-age',
    value: 'TIME',
    meaning: 'older records are given up (never)',
    read: value => ({ maxRecordAgeMs: parseDuration(value) }),
  },
  bisect: {
    alias: 'bisect-batch-on-error',
    meaning: 'halve a failing batch',
    read: () => ({ bisectBatchOnError: true }),
  },
  partial: {
    alias: 'report-batch-item-failures',
    meaning: "the handler's answer may name what failed (batchItemFailures)",
    read: () => ({ reportBatchItemFailures: true }),
  },
  filter: {
    alias: 'filters',
    value: 'JSON',
    meaning: 'an EventBridge pattern; given several times, one has to fit',
    read: value => ({ filters: [value] }),
  },
  'on-failure': {
    value: 'PLACE',
    meaning: 'tidemark://TOPIC or file:PATH, for what is given up (nowhere)',
    read: value => ({ onFailure: parseDestination(value) }),
  },
}

const GROUP = 'group'

/** Lines of help that tell all options. */
export function describeTriggerOptions(): string {
  const rows: [string, string][] = Object.entries(OPTIONS).map(([name, { value, meaning }]) => [
    value === undefined ? name : `${name}=${value}`,
    meaning,
  ])
  rows.push([`${GROUP}=NAME`, 'the consumer group (dev-TOPIC-FILE)'])
  return ['Options after the file of --on, with commas between them:', ...rows.map(row)].join('\n')
}

function row([name, meaning]: [string, string]): string {
  return `  ${name.padEnd(18)}${meaning}`
}

/** `TOPIC=FILE[#EXPORT][,OPTION[=VALUE]…]`. @throws UsageError also where there is no such file */
export function parseDevTrigger(text: string): FileTrigger {
  const [place = '', ...options] = splitAtCommas(text)
  const [topic, file] = parsePlace(place)
  const [path, exportName] = splitExport(file)
  checkFile(path)
  let settings: Settings = {}
  let group: string | undefined
  for (const option of options) {
    const at = option.indexOf('=')
    const name = at < 0 ? option : option.slice(0, at)
    const value = at < 0 ? undefined : option.slice(at + 1)
    if (name === GROUP || name === 'group-id') group = needValue(name, value)
    else settings = merge(settings, readOption(name, value))
  }
  check(topic, settings)
  const handler = { path: resolve(path), exportName }
  const name = relative(process.cwd(), handler.path) + (exportName === undefined ? '' : `#${exportName}`)
  return {
    topic,
    groupId: group ?? `dev-${topic}-${functionNameOf(handler)}`,
    file: handler,
    name,
    settings,
  }
}

/** One group has one trigger on a topic. @throws UsageError */
export function checkDevTriggers(triggers: readonly FileTrigger[]): void {
  for (const [index, { topic, groupId }] of triggers.entries()) {
    if (triggers.slice(0, index).some(other => other.topic === topic && other.groupId === groupId)) {
      throw new UsageError(
        `two handlers of ${topic} have the group ${groupId}: give one of them another, with ${GROUP}=NAME`,
      )
    }
  }
}

function parsePlace(place: string): [topic: string, file: string] {
  const at = place.indexOf('=')
  const missing = at < 0 || at === place.length - 1 ? 'file' : at === 0 ? 'topic' : undefined
  if (missing) {
    throw new UsageError(`'${place}' names no ${missing}: give TOPIC=FILE, such as orders=./handler.ts`)
  }
  return [place.slice(0, at), place.slice(at + 1)]
}

function splitExport(file: string): [path: string, exportName: string | undefined] {
  const at = file.lastIndexOf('#')
  return at < 1 || at === file.length - 1 ? [file, undefined] : [file.slice(0, at), file.slice(at + 1)]
}

function checkFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) throw new UsageError(`there is no file ${path}`)
  if (!found.isFile()) throw new UsageError(`${path} is no file: name the one that exports the handler`)
  if (/\.[cm]?ts$/.test(path) && !process.features.typescript) {
    throw new UsageError(
      `this is Node ${process.versions.node}, which does not run ${path}: take Node 22.18 or later, or name the ` +
        'JavaScript that is compiled of it',
    )
  }
}

function readOption(name: string, value: string | undefined): Settings {
  const found = Object.entries(OPTIONS).find(([known, { alias }]) => known === name || alias === name)
  if (!found) {
    throw new UsageError(`'${name}' is no option: there are ${[...Object.keys(OPTIONS), GROUP].join(', ')}`)
  }
  const [, option] = found
  if (option.value === undefined && value !== undefined) throw new UsageError(`${name} takes no value`)
  const text = option.value === undefined ? '' : needValue(name, value)
  try {
    const { filters, ...others } = option.read(text)
    // Filters are checked together: what is wrong with one is told with its number.
    checkTriggerSettings(others, Date.now())
    return { ...others, ...(filters && { filters }) }
  } catch (error) {
    if (error instanceof UsageError || error instanceof TidemarkError) {
      throw new UsageError(`${name}: ${error.message}`)
    }
    throw error
  }
}

/** Filters add up. */
function merge(before: Settings, next: Settings): Settings {
  const filters = [...(before.filters ?? []), ...(next.filters ?? [])]
  return { ...before, ...next, ...(filters.length > 0 && { filters }) }
}

function needValue(name: string, value: string | undefined): string {
  if (value) return value
  throw new UsageError(`${name} needs a value: ${name}=…`)
}

function parseStart(text: string): TriggerSettings['startingPosition'] {
  const place = parseStartPlace(text)
  if (typeof place === 'string' || 'timestampMs' in place) return place
  throw new UsageError(`a trigger starts at earliest, latest or a time, and not at ${text}`)
}

/** What reaches nobody would be noticed with the first record that is given up, and hold up all behind it. */
function parseDestination(text: string): string {
  if (text.startsWith('tidemark://')) return text
  if (!text.startsWith('file:')) throw new UsageError(`'${text}' is neither tidemark://TOPIC nor file:PATH`)
  const folder = dirname(resolve(text.slice('file:'.length)))
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return text
  throw new UsageError(`there is no folder ${folder}: make it, or name another file`)
}

function check(topic: string, settings: Settings): void {
  try {
    checkTopicName(topic)
    compileFilters(checkTriggerSettings(settings, Date.now()).filters)
  } catch (error) {
    if (error instanceof TidemarkError) throw new UsageError(error.message)
    throw error
  }
}

/** A pattern is JSON and has commas of its own. */
function splitAtCommas(text: string): string[] {
  const parts = ['']
  let depth = 0
  let isInString = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!
    if (character === ',' && depth === 0) {
      parts.push('')
      continue
    }
    parts[parts.length - 1] += character
    if (depth > 0 && isInString && character === '\\') {
      at += 1
      parts[parts.length - 1] += text[at] ?? ''
    } else if (depth > 0 && character === '"') isInString = !isInString
    else if (isInString) continue
    else if (character === '{' || character === '[') depth += 1
    else if ((character === '}' || character === ']') && depth > 0) depth -= 1
  }
  return parts
}
