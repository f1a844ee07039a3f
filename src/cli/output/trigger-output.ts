import type { HandlerNews } from '../../embedded/triggers/handler-pool.ts'
import type { FileTrigger, FileTriggersListener } from '../../embedded/triggers/run-file-triggers.ts'
import type { TriggerNews } from '../../embedded/triggers/trigger-news.ts'
import { formatDuration } from './duration.ts'
import { describeFailure } from './failure.ts'
import { plural } from './quantities.ts'
import type { Terminal } from './terminal.ts'

type Called = Extract<TriggerNews, { kind: 'called' }>
type Waits = Extract<TriggerNews, { kind: 'waits' }>

/** Tells whoever develops a handler what becomes of each batch, between the lines that the handler writes itself. */
export class TriggerOutput implements FileTriggersListener {
  readonly #terminal: Terminal
  readonly #isQuiet: boolean
  /** Topics that several handlers get: what is said of them names the group, too. */
  readonly #shared: ReadonlySet<string>
  /** What a handler has begun to write, until its line ends. */
  readonly #unended = new Map<string, string>()
  /** Why a partition waits, as it was last said. */
  readonly #lastReason = new Map<string, string>()

  /** @param isQuiet nothing is said of batches that the handler has dealt with */
  constructor(terminal: Terminal, isQuiet: boolean, triggers: readonly Pick<FileTrigger, 'topic'>[]) {
    this.#terminal = terminal
    this.#isQuiet = isQuiet
    const topics = triggers.map(({ topic }) => topic)
    this.#shared = new Set(topics.filter((topic, index) => topics.indexOf(topic) < index))
  }

  onTopicMade(topic: string): void {
    this.#say(`made the topic ${topic}, with one partition`)
  }

  onHandler(name: string, news: HandlerNews): void {
    if (news.kind === 'output') this.#onOutput(name, news.stream, news.text)
    else this.#say(aboutHandler(name, news))
  }

  onNews(news: TriggerNews): void {
    if (news.kind === 'called') this.#onCalled(news)
    else if (news.kind === 'waits') this.#onWaits(news)
    else this.#say(aboutTrigger(news, 'partition' in news ? this.#placeOf(news) : news.topic))
  }

  #onCalled(news: Called): void {
    const { outcome, named, records, firstOffset, lastOffset, elapsedMs } = news
    // Why it could not be called is said once, and not for each partition and try.
    if (outcome.kind === 'not-called') return
    const offsets =
      firstOffset === lastOffset ? `offset ${firstOffset}` : `offsets ${firstOffset} to ${lastOffset}`
    const what = `${this.#placeOf(news)}  ${plural(records, 'record')}, ${offsets}`
    const took = formatDuration(elapsedMs)
    const error = outcome.kind === 'failed' ? outcome.error : named
    if (error !== null) {
      // Each pause after a failure is told of.
      this.#lastReason.delete(this.#placeOf(news))
      this.#say(`${what}: FAILED after ${took}: ${firstLine(error)}`)
    } else if (!this.#isQuiet) this.#say(`${what}: ${took}`)
  }

  #onWaits(news: Waits): void {
    const { afterMs, reason } = news
    const place = this.#placeOf(news)
    if (this.#lastReason.get(place) === reason) return
    this.#lastReason.set(place, reason)
    this.#say(`${place}  goes on in ${formatDuration(afterMs)}: ${errorLine(reason)}`)
  }

  #placeOf({ groupId, topic, partition }: { groupId: string; topic: string; partition: number }): string {
    return `${topic}-${partition}${this.#shared.has(topic) ? ` for ${groupId}` : ''}`
  }

  #onOutput(name: string, stream: string, text: string): void {
    const key = `${stream} ${name}`
    const lines = ((this.#unended.get(key) ?? '') + text).split('\n')
    this.#unended.set(key, lines.pop()!)
    for (const line of lines) this.#say(`[${name}] ${line}`)
  }

  #say(line: string): void {
    if (!this.#terminal.outputClosed.aborted) this.#terminal.output.write(`${line}\n`)
  }
}

function aboutHandler(name: string, news: Exclude<HandlerNews, { kind: 'output' }>): string {
  switch (news.kind) {
    case 'loaded':
      return `${name}: ${news.isAgain ? 'loaded as it is now' : 'loaded'}`
    case 'not-loaded':
      return `${name} cannot be called, and nothing is until it is edited:\n${indent(news.reason)}`
    case 'ended':
      return `${name}: ${news.how}, between two calls`
  }
}

function aboutTrigger(news: Exclude<TriggerNews, Called | Waits>, place: string): string {
  const { topic, groupId } = news
  switch (news.kind) {
    case 'given-up': {
      const told = news.destination === null ? 'nobody is told' : `told to ${news.destination}`
      return `${place}  gave up ${plural(news.records, 'record')}: ${told}`
    }
    case 'taken-over':
      return `${topic}: another process has taken over, and delivers to the group ${groupId} from now on`
    case 'topic':
      return news.isThere
        ? `${topic}: there is a topic of this name again`
        : `${topic}: the topic is gone; nothing is delivered until there is one of its name`
    case 'trouble':
      return `${topic}: ${describeFailure(news.error).join('\n')}\n  It is tried again.`
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!
}

/** Of a module that cannot be loaded Node tells the place and the source first, and the error behind them. */
function errorLine(text: string): string {
  return text.split('\n').find(line => /^\w*Error\b/.test(line)) ?? firstLine(text)
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
