import { TidemarkError } from '../../core/errors.ts'
import type { Transaction } from '../../core/transaction/transaction.ts'
import { type Finishing, finish, noteFinished } from './finish.ts'
import type { Change, ChangeOptions, Changing, Room } from './room.ts'
import type { TransactionCall } from './transaction-call.ts'

/** Changes what stands, once what was decided before is done. @throws as Room.change */
export async function changeNext(
  call: TransactionCall,
  finishing: Finishing,
  room: Room,
  change: Change,
  options: ChangeOptions = {},
): Promise<Changing> {
  for (;;) {
    try {
      return await room.change(call, change, options)
    } catch (error) {
      const waits = error instanceof TidemarkError && error.kafkaName === 'CONCURRENT_TRANSACTIONS'
      if (!waits || !room.known || !isDecided(room.known)) throw error
      await finishWhole(call, finishing, room, room.known)
    }
  }
}

/** Finishes a decided transaction, and tells what stands then. @throws as finish */
export async function finishWhole(
  call: TransactionCall,
  finishing: Finishing,
  room: Room,
  decided: Transaction,
): Promise<Transaction> {
  await finish(call, finishing, room, decided)
  return await noteFinished(call, room, decided)
}

/**
 * As it stands, once what was decided is done. What was decided when it was seen last is looked at again: another may have done it since,
 * so long ago that the receipts are gone.
 */
export async function readFinished(
  call: TransactionCall,
  finishing: Finishing,
  room: Room,
): Promise<Transaction | undefined> {
  const { known } = room
  const standing = known && !isDecided(known) ? known : await room.read(call)
  return standing && isDecided(standing) ? await finishWhole(call, finishing, room, standing) : standing
}

/** Whether there is something left to be done. */
export function isDecided({ state }: Transaction): boolean {
  return state === 'committing' || state === 'aborting'
}
