import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A disk of its own for a test, under a folder of its own. */
export interface Disk {
  readonly path: string
  /** Takes it away for good. */
  remove(): Promise<void>
}

/** One that can fail as a whole, and be there again with what had been synced. */
export interface FailingDisk extends Disk {
  /** From now on every call fails; what was not synced is lost, as when the power fails. */
  fail(): void
  /** Repairs it, once nobody has anything on it open any more. */
  mend(): void
}

/** So small that it can be filled; undefined where this user may not mount one. */
export async function mountSmallDisk(size = '4m'): Promise<Disk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-disk-'))
  const remove = async () => {
    run('umount', '-l', path)
    await rm(path, { recursive: true })
  }
  if (run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path)) return { path, remove }
  await rm(path, { recursive: true })
  return undefined
}

/** Linux: EXT4_IOC_SHUTDOWN, without a last flush of the journal. */
const SHUT_DOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))
`

/** ext4 in a file; undefined where this user may not mount one, or something that it takes is missing. */
export async function mountFailingDisk(size = '64M'): Promise<FailingDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-disk-'))
  const image = `${path}.img`
  const mount = () => run('mount', '-o', 'loop', image, path)
  const remove = async () => {
    run('umount', '-l', path)
    await rm(path, { recursive: true })
    await rm(image, { force: true })
  }
  const isThere =
    run('python3', '-c', 'import fcntl') &&
    run('truncate', '-s', size, image) &&
    run('mkfs.ext4', '-q', '-F', image) &&
    mount()
  if (!isThere) {
    await remove()
    return undefined
  }
  return {
    path,
    remove,
    fail: () => insist(run('python3', '-c', SHUT_DOWN, path), 'the disk did not fail'),
    mend: () => insist(run('umount', path) && mount(), 'the disk could not be mounted again'),
  }
}

function run(command: string, ...given: string[]): boolean {
  return spawnSync(command, given).status === 0
}

function insist(isDone: boolean, what: string): void {
  if (!isDone) throw new Error(what)
}
