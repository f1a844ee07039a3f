import { resolve } from 'node:path'
import type { FileTrigger, FileTriggersListener } from '../../embedded/triggers/run-file-triggers.ts'
import type { StoreHealth } from '../../ports/store-health.ts'
import { DEFAULT_BROKER_URL } from '../address/broker-address.ts'
import type { ListenAddress } from '../address/listen-address.ts'
import { settledUntil } from '../interruption.ts'
import { describeAside, EXIT_OK } from '../output/failure.ts'
import { note, type Terminal, write } from '../output/terminal.ts'
import { TriggerOutput } from '../output/trigger-output.ts'

export interface DevSettings {
  directory: string
  listen: ListenAddress
  /** Where Kafka's clients are served; undefined: they are not. */
  kafka: KafkaSettings | undefined
  token: string | null
  insecure: boolean
  /** Names by which clients may call it, beside its addresses. */
  allowedHosts: readonly string[]
  /** Handlers that get the records of topics. */
  triggers: readonly FileTrigger[]
  /** Nothing is said of batches that handlers have dealt with. */
  isQuiet: boolean
  /** Trouble beside requests is told with its stack. */
  isVerbose: boolean
  /** Told of each request in a line. */
  tellAccess?: ((line: string) => void) | undefined
}

export interface KafkaSettings {
  listen: ListenAddress
  /** Whether nobody said so: then the rest goes on where another program has the port. */
  isDefault: boolean
  /** A file of users: only they may come. */
  usersFile: string | undefined
}

/** How often the store is asked how it is. */
const HEALTH_INTERVAL_MS = 1_000

export interface RunningBroker {
  /** Where clients on this machine reach it. */
  url: string
  /** The same for Kafka's clients: HOST:PORT. */
  kafka?: string | undefined
  /** Why they are not served, and what to do; undefined: they are, or nobody wants them to be. */
  kafkaProblem?: string | undefined
  health: StoreHealth | undefined
  /** Calls handlers until it is closed. */
  runTriggers(triggers: readonly FileTrigger[], listener: FileTriggersListener): Promise<void>
  /** Lets calls of handlers end, flushes all and lets go of the directory. */
  close(): Promise<void>
}

/** Runs a broker until the terminal interrupts it. */
export async function dev(
  start: (settings: DevSettings, report: Report) => Promise<RunningBroker>,
  settings: DevSettings,
  terminal: Terminal,
): Promise<number> {
  const asides = new Asides(terminal, settings.isVerbose)
  const running = await start(settings, (what, error) => asides.tell(what, error))
  const watching = watchHealth(running.health, asides)
  try {
    await write(terminal, welcome(running, settings))
    if (running.kafkaProblem !== undefined)
      note(terminal, `Kafka's clients are not served: ${running.kafkaProblem}`)
    await runTriggers(running, settings, terminal)
    await settledUntil(new Promise(() => {}), terminal.interrupted)
    const calls = settings.triggers.length === 0 ? '' : 'calls under way may end, and '
    note(
      terminal,
      `\nstopping: ${calls}what is left is flushed (Ctrl-C again to end at once; nothing acknowledged is lost)`,
    )
  } finally {
    clearInterval(watching)
    await running.close()
  }
  note(terminal, 'stopped')
  return EXIT_OK
}

/** Told of what goes wrong beside requests, or must not be told to clients. */
export type Report = (what: string, error: unknown) => void

/** Tells each trouble once, and when it is over. What comes again and again, with the same words, is told once as well. */
class Asides {
  readonly #terminal: Terminal
  readonly #isVerbose: boolean
  #last = ''
  #trouble: string | undefined

  constructor(terminal: Terminal, isVerbose: boolean) {
    this.#terminal = terminal
    this.#isVerbose = isVerbose
  }

  tell(what: string, error: unknown): void {
    const line = describeAside(what, error, this.#isVerbose)
    if (line === this.#last) return
    this.#last = line
    note(this.#terminal, line)
  }

  /** Takes note of how the store is. */
  look(trouble: string | undefined): void {
    if (trouble === this.#trouble) return
    const isNews = trouble !== undefined && this.#trouble === undefined
    if (isNews) note(this.#terminal, `trouble with the store: ${trouble}`)
    if (trouble === undefined) {
      note(this.#terminal, 'the trouble with the store is over: it can be written again')
      this.#last = ''
    }
    this.#trouble = trouble
  }
}

function watchHealth(health: StoreHealth | undefined, asides: Asides): NodeJS.Timeout | undefined {
  if (health === undefined) return undefined
  return setInterval(() => {
    health.look().then(
      trouble => asides.look(trouble),
      error => asides.tell('the store cannot be looked at', error),
    )
  }, HEALTH_INTERVAL_MS)
}

async function runTriggers(
  running: RunningBroker,
  { triggers, isQuiet }: DevSettings,
  terminal: Terminal,
): Promise<void> {
  if (triggers.length === 0) return
  for (const { topic, name, groupId } of triggers) {
    await write(terminal, `${name} gets the records of ${topic}, in the group ${groupId}\n`)
  }
  await running.runTriggers(triggers, new TriggerOutput(terminal, isQuiet, triggers))
}

/** How it is called here: from a checkout or as a project's dependency, the bare name is no command of a shell. */
export function commandName(script: string | undefined, environment: NodeJS.ProcessEnv): string {
  const isGlobal = script === undefined || !/tidemark\.js$|[\\/]node_modules[\\/]\.bin[\\/]/.test(script)
  return environment.npm_command === undefined && isGlobal ? 'tidemark' : 'npx tidemark'
}

function welcome({ url, kafka }: RunningBroker, { directory, token }: DevSettings): string {
  const command = commandName(process.argv[1], process.env)
  const options = `${url === DEFAULT_BROKER_URL ? '' : ` --broker ${url}`}${token === null ? '' : ' --token …'}`
  return [
    `tidemark (process ${process.pid}) listens on ${url}`,
    ...(kafka === undefined ? [] : [`and serves Kafka's clients on ${kafka}`]),
    `and keeps its data in ${resolve(directory)}`,
    '',
    'In another terminal, try:',
    `  ${command}${options} topic create tides --partitions 4`,
    `  printf 'ebb\\nflow\\n' | ${command}${options} produce tides`,
    `  ${command}${options} consume tides --from earliest`,
    ...(kafka === undefined ? [] : [`  kcat -b ${kafka} -t tides -C -e`]),
    '',
    'Ctrl-C stops it.',
    '',
  ].join('\n')
}
