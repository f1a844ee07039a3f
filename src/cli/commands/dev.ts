import { resolve } from 'node:path'
import type { FileTrigger, FileTriggersListener } from '../../embedded/triggers/run-file-triggers.ts'
import { DEFAULT_BROKER_URL } from '../address/broker-address.ts'
import type { ListenAddress } from '../address/listen-address.ts'
import { settledUntil } from '../interruption.ts'
import { EXIT_OK } from '../output/failure.ts'
import { note, type Terminal, write } from '../output/terminal.ts'
import { TriggerOutput } from '../output/trigger-output.ts'

export interface DevSettings {
  directory: string
  listen: ListenAddress
  token: string | null
  insecure: boolean
  /** Names by which clients may call it, beside its addresses. */
  allowedHosts: readonly string[]
  /** Handlers that get the records of topics. */
  triggers: readonly FileTrigger[]
  /** Nothing is said of batches that handlers have dealt with. */
  isQuiet: boolean
  /** Told of each request in a line. */
  tellAccess?: ((line: string) => void) | undefined
}

export interface RunningBroker {
  /** Where clients on this machine reach it. */
  url: string
  /** Calls handlers until it is closed. */
  runTriggers(triggers: readonly FileTrigger[], listener: FileTriggersListener): Promise<void>
  /** Lets calls of handlers end, flushes all and lets go of the directory. */
  close(): Promise<void>
}

/** Runs a broker until the terminal interrupts it. */
export async function dev(
  start: (settings: DevSettings) => Promise<RunningBroker>,
  settings: DevSettings,
  terminal: Terminal,
): Promise<number> {
  const running = await start(settings)
  try {
    await write(terminal, welcome(running.url, settings))
    await runTriggers(running, settings, terminal)
    await settledUntil(new Promise(() => {}), terminal.interrupted)
    const calls = settings.triggers.length === 0 ? '' : 'calls under way may end, and '
    note(
      terminal,
      `\nstopping: ${calls}what is left is flushed (Ctrl-C again to end at once; nothing acknowledged is lost)`,
    )
  } finally {
    await running.close()
  }
  note(terminal, 'stopped')
  return EXIT_OK
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

function welcome(url: string, { directory, token }: DevSettings): string {
  const command = commandName(process.argv[1], process.env)
  const options = `${url === DEFAULT_BROKER_URL ? '' : ` --broker ${url}`}${token === null ? '' : ' --token …'}`
  return [
    `tidemark (process ${process.pid}) listens on ${url}`,
    `and keeps its data in ${resolve(directory)}`,
    '',
    'In another terminal, try:',
    `  ${command}${options} topic create tides --partitions 4`,
    `  printf 'ebb\\nflow\\n' | ${command}${options} produce tides`,
    `  ${command}${options} consume tides --from earliest`,
    '',
    'Ctrl-C stops it.',
    '',
  ].join('\n')
}
