import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { LOCALSTACK_IMAGE } from './docker.ts'

const COMPOSE_MS_MAX = 300_000

/** Runs `docker compose` on LocalStack's file. @throws Error when it fails */
export function compose(port: number, ...args: readonly string[]): void {
  const file = join(import.meta.dirname, 'docker-compose.yml')
  execFileSync('docker', ['compose', '--file', file, ...args], {
    env: { ...process.env, LOCALSTACK_IMAGE, EMULATOR_PORT: `${port}` },
    stdio: 'inherit',
    timeout: COMPOSE_MS_MAX,
  })
}
