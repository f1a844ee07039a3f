import { readFile, stat } from 'node:fs/promises'
import { parseUsers, type Users, UsersError } from '../gateway/server/sasl/users.ts'

export { checkUserName, formatUsers, makeUser, parseUsers, type Users } from '../gateway/server/sasl/users.ts'

/** The users in a file, which is read anew when it has changed. */
export class UsersFile {
  readonly path: string
  #read: { readonly stamp: string; readonly users: Promise<Users> } | undefined

  constructor(path: string) {
    this.path = path
  }

  /** @throws UsersError where it cannot be read, or is none */
  readonly users = async (): Promise<Users> => {
    const stamp = await this.#stamp()
    if (this.#read?.stamp !== stamp) this.#read = { stamp, users: this.#parse() }
    return await this.#read.users
  }

  /** Whether others than its owner may read or write it. */
  async isOpenToOthers(): Promise<boolean> {
    return ((await stat(this.path)).mode & 0o077) !== 0
  }

  async #stamp(): Promise<string> {
    try {
      const { mtimeNs, size, ino } = await stat(this.path, { bigint: true })
      return `${mtimeNs} ${size} ${ino}`
    } catch (error) {
      throw new UsersError(`${this.path}: ${(error as Error).message}`)
    }
  }

  async #parse(): Promise<Users> {
    try {
      return parseUsers(await readFile(this.path, 'utf8'))
    } catch (error) {
      throw new UsersError(`${this.path}: ${(error as Error).message}`)
    }
  }
}
