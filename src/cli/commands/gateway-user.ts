import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { checkUserName, formatUsers, makeUser, parseUsers, type Users } from '../../embedded/users-file.ts'
import { askPassword } from '../output/ask-password.ts'
import { CommandFailure, EXIT_OK, UsageError } from '../output/failure.ts'
import { note, type Terminal, write } from '../output/terminal.ts'

/** Adds a user, or gives him another password. */
export async function setUser(
  file: string,
  name: string,
  iterations: number | undefined,
  terminal: Terminal,
): Promise<number> {
  try {
    checkUserName(name)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  // What is wrong with the file is told before a password is typed.
  await read(file, true)
  const user = await makeUser(await askPassword(terminal, name), iterations)
  // Read anew: somebody may have changed it meanwhile.
  const users = await read(file, true)
  await writeUsers(file, new Map([...users, [name, user]]))
  note(terminal, users.has(name) ? `${name} has another password now` : `added ${name}`)
  return EXIT_OK
}

export async function removeUser(file: string, name: string, terminal: Terminal): Promise<number> {
  const users = new Map(await read(file, false))
  if (!users.delete(name)) throw new CommandFailure(`there is no user ${name} in ${file}`)
  await writeUsers(file, users)
  note(terminal, `removed ${name}`)
  return EXIT_OK
}

export async function listUsers(file: string, terminal: Terminal): Promise<number> {
  const names = [...(await read(file, false)).keys()].sort()
  await write(terminal, names.map(name => `${name}\n`).join(''))
  return EXIT_OK
}

async function read(file: string, mayBeMissing: boolean): Promise<Users> {
  try {
    return parseUsers(await readFile(file, 'utf8'))
  } catch (error) {
    if (mayBeMissing && (error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw new CommandFailure(`${file}: ${(error as Error).message}`)
  }
}

/** In one step, for its owner's eyes only: a gateway that reads it meanwhile finds the old one or the new one. */
async function writeUsers(file: string, users: Users): Promise<void> {
  const unfinished = `${file}.${randomBytes(6).toString('hex')}`
  try {
    const handle = await open(unfinished, 'wx', 0o600)
    try {
      await handle.writeFile(formatUsers(users))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw new CommandFailure(`${file} cannot be written in ${dirname(file)}: ${(error as Error).message}`)
  }
}
