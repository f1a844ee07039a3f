import { readFile, stat } from 'node:fs/promises'
import type { Gateway } from '../gateway/gateway.ts'
import type { TlsSettings } from '../gateway/server/listener.ts'

export interface TlsFileNames {
  readonly certFile: string
  readonly keyFile: string
  readonly clientCaFile: string | undefined
}

/** A certificate, its key and whom it believes, in files: they are made anew before they run out. */
export class TlsFiles {
  readonly #names: TlsFileNames
  #stamp = ''

  constructor(names: TlsFileNames) {
    this.#names = names
  }

  /** @throws Error that names the file which cannot be read */
  async read(): Promise<TlsSettings> {
    this.#stamp = await this.#stampNow()
    const { certFile, keyFile, clientCaFile } = this.#names
    return {
      cert: await readPem(certFile),
      key: await readPem(keyFile),
      clientCa: clientCaFile === undefined ? undefined : await readPem(clientCaFile),
    }
  }

  /**
   * Has a gateway show what is in the files where they have changed since the last time, and tells what came of it: what cannot be
   * shown is told once, and what was there before stays.
   */
  async renew(gateway: Pick<Gateway, 'renewTls'>, tell: (line: string) => void): Promise<void> {
    if ((await this.#stampNow()) === this.#stamp) return
    try {
      gateway.renewTls(await this.read())
      tell(`the certificate in ${this.#names.certFile} is shown from now on`)
    } catch (error) {
      tell(`the certificate from before is still shown: ${(error as Error).message}`)
    }
  }

  async #stampNow(): Promise<string> {
    const { certFile, keyFile, clientCaFile = certFile } = this.#names
    const stamps = [certFile, keyFile, clientCaFile].map(async file => {
      try {
        const { mtimeNs, size, ino } = await stat(file, { bigint: true })
        return `${mtimeNs} ${size} ${ino}`
      } catch {
        // That it cannot be read is told by who reads it.
        return 'nothing'
      }
    })
    return (await Promise.all(stamps)).join(', ')
  }
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error })
  }
}
