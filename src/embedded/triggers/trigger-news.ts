import type { CallOutcome } from '../../ports/function-caller.ts'

/** What happens while triggers are delivered in this process, for whoever wants to watch. */
export type TriggerNews = { readonly groupId: string; readonly topic: string } & (
  | {
      readonly kind: 'called'
      readonly partition: number
      readonly firstOffset: number
      readonly lastOffset: number
      readonly records: number
      readonly elapsedMs: number
      readonly outcome: CallOutcome
      /** What a partial answer says has failed; null: nothing, or such answers are not asked for. */
      readonly named: string | null
    }
  /** Nothing more of the partition until then. */
  | {
      readonly kind: 'waits'
      readonly partition: number
      readonly afterMs: number
      readonly reason: string
    }
  | {
      readonly kind: 'given-up'
      readonly partition: number
      readonly records: number
      /** Who was told; null: nobody. */
      readonly destination: string | null
    }
  /** Somebody else has made the trigger anew, or removed it: it is delivered here no more. */
  | { readonly kind: 'taken-over' }
  /** Whether there is a topic of this name now. */
  | { readonly kind: 'topic'; readonly isThere: boolean }
  /** A store's trouble, or a defect: it is tried again. */
  | { readonly kind: 'trouble'; readonly error: unknown }
)

export type ReportNews = (news: TriggerNews) => void
