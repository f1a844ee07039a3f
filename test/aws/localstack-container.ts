import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The last release that runs without a token; the compose file in localstack/ names the same one. */
const LOCALSTACK_IMAGE = 'localstack/localstack:4.14.0'

/** Whether there is a Docker daemon, not just its command. */
export async function hasDocker(): Promise<boolean> {
  try {
    await run('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 10_000 })
    return true
  } catch {
    return false
  }
}

/** Starts LocalStack in Docker; its reaper ends it when this process is gone. */
export async function startLocalstack(): Promise<{ endpoint: string; stop(): Promise<void> }> {
  // Only here, since it takes a second to load.
  const { LocalstackContainer } = await import('@testcontainers/localstack')
  const container = await new LocalstackContainer(LOCALSTACK_IMAGE)
    // Functions run in containers beside it.
    .withBindMounts([{ source: '/var/run/docker.sock', target: '/var/run/docker.sock' }])
    .start()
  return {
    endpoint: container.getConnectionUri(),
    async stop() {
      await container.stop()
    },
  }
}
