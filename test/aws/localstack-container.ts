import { LOCALSTACK_IMAGE } from '../../localstack/docker.ts'

/** Starts LocalStack in Docker; its reaper ends it when this process is gone. */
export async function startLocalstack(): Promise<{ endpoint: string; stop(): Promise<void> }> {
  // Only here, since it takes a second to load.
  const { LocalstackContainer } = await import('@testcontainers/localstack')
  const container = await new LocalstackContainer(LOCALSTACK_IMAGE)
    .withEnvironment({ CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES: '1' })
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
