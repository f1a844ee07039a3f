import { basename } from 'node:path'

export interface HandlerFile {
  /** Absolute. */
  readonly path: string
  /** Undefined: `handler`, or the default export. */
  readonly exportName: string | undefined
}

/** The file's name without its ending, and what it exports if it is not the usual. */
export function functionNameOf({ path, exportName }: HandlerFile): string {
  const name = basename(path).replace(/\.[^.]+$/, '')
  return exportName === undefined ? name : `${name}-${exportName}`
}
