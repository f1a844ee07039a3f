import { logLevel } from './enumerations.ts'
import type { LogEntry, Logger, logCreator } from './types/logging.ts'

/** A line of JSON for each entry, on the console. */
const toConsole: logCreator =
  () =>
  ({ namespace, level, label, log }) => {
    const message = namespace ? `[${namespace}] ${log.message}` : log.message
    const line = JSON.stringify({ level: label, ...log, message })
    if (level === logLevel.ERROR) console.error(line)
    else if (level === logLevel.WARN) console.warn(line)
    else console.log(line)
  }

const LEVELS = ['NOTHING', 'ERROR', 'WARN', 'INFO', 'DEBUG'] as const

/** @param env KAFKAJS_LOG_LEVEL, where it names a level, goes before what the program says, as with KafkaJS */
export function createLogger(
  asked: logLevel = logLevel.INFO,
  creator: logCreator = toConsole,
  env: NodeJS.ProcessEnv = process.env,
): Logger {
  const named = LEVELS.find(name => name === env.KAFKAJS_LOG_LEVEL?.toUpperCase())
  const levelOf = (level: logLevel) => (named ? logLevel[named] : level)
  let shared = levelOf(asked)
  const write = creator(shared)

  function inNamespace(namespace: string, own?: logLevel): Logger {
    const log =
      (label: (typeof LEVELS)[number]) =>
      (message: string, extra: object = {}) => {
        if (logLevel[label] > (own ?? shared)) return
        const content = { timestamp: new Date().toISOString(), logger: 'tidemark', message, ...extra }
        const entry: LogEntry = { namespace, level: logLevel[label], label, log: content }
        write(entry)
      }
    return {
      info: log('INFO'),
      error: log('ERROR'),
      warn: log('WARN'),
      debug: log('DEBUG'),
      namespace: (name, level) => inNamespace(name, level === undefined ? undefined : levelOf(level)),
      setLogLevel: level => {
        shared = level
      },
    }
  }
  return inNamespace('')
}
