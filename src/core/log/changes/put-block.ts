import { type Block, encodeBlock } from '../block.ts'

/** Whether a block may be put where this one stands: where none does, or exactly the one that is known to be dead. */
export function mayReplaceBlock(standing: Block | undefined, over: Block | undefined): boolean {
  return !standing || (over !== undefined && Buffer.compare(encodeBlock(standing), encodeBlock(over)) === 0)
}
